"""Activation, attach, self-check, the launcher, the mixins, and hooks on the strategy."""
