"""A user's own strategy on the sandbox, with scripted troubles, plain and guarded."""
