"""freqtrade with one function changed: its source is rewritten while it is imported.

removed      the function is gone, its callers are not
renamed      it has another name, its callers call the old one
positional   one more positional parameter, with a default
keyword      one more keyword parameter, with a default
released     as a release would: another name, one more parameter in front, all callers follow
"""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path


KINDS = ("removed", "renamed", "positional", "keyword", "released")
NEW = "_of_a_later_release"

# Where a class and its subclasses live below freqtrade/, and what holds an object of it.
PLACES = {
    "Configuration": ("configuration/", {"configuration", "Configuration"}),
    "DataProvider": ("data/dataprovider.py", {"dataprovider", "dp"}),
    "Exchange": ("exchange/", {"exchange", "_exchange"}),
    "FreqtradeBot": ("freqtradebot.py", {"freqtrade", "_freqtrade"}),
    "IResolver": ("resolvers/", {"cls", "IResolver", "StrategyResolver"}),
    "IStrategy": ("strategy/", {"strategy"}),
    "KeyValueStore": ("persistence/key_value_store.py", {"KeyValueStore"}),
    "PairLocks": ("persistence/pairlock_middleware.py", {"PairLocks"}),
    "RPC": ("rpc/rpc.py", {"_rpc", "rpc"}),
    "RPCManager": ("rpc/rpc_manager.py", {"rpc"}),
    "Trade": ("persistence/", {"Trade", "LocalTrade", "trade", "t"}),
    "Wallets": ("wallets.py", {"wallets"}),
}


@dataclass(frozen=True)
class Change:
    """``owner.name`` is changed in the way ``kind`` says; an empty owner changes nothing."""

    owner: str
    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.name} {self.kind}" if self.owner else "nothing"

    def is_possible(self) -> bool:
        """A constructor cannot be renamed."""
        return not self.name.startswith("__") or self.kind in ("positional", "keyword")


class _Rewriter(ast.NodeTransformer):
    def __init__(self, change: Change, path: str) -> None:
        self._change = change
        place, self._receivers = PLACES[change.owner]
        self._is_home = path.startswith(place)
        self.changed = 0

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        if self._is_home:
            node.body = [one for member in node.body if (one := self._member(member)) is not None]
            node.body = node.body or [ast.Pass()]
        return node

    def _member(self, member: ast.stmt) -> ast.stmt | None:
        change = self._change
        if not isinstance(member, ast.FunctionDef) or member.name != change.name:
            return member
        self.changed += 1
        arguments = member.args
        match change.kind:
            case "removed":
                return None
            case "renamed":
                member.name += NEW
            case "positional":
                position = len(arguments.args)
                arguments.args.insert(position, ast.arg("later"))
                arguments.defaults.append(ast.Constant(None))
            case "keyword":
                arguments.kwonlyargs.append(ast.arg("later"))
                arguments.kw_defaults.append(ast.Constant(None))
            case "released":
                member.name += NEW
                is_static = any(
                    isinstance(one, ast.Name) and one.id == "staticmethod"
                    for one in member.decorator_list
                )
                arguments.args.insert(0 if is_static else 1, ast.arg("later"))
        return member

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        called = node.func
        if (
            self._change.kind == "released"
            and isinstance(called, ast.Attribute)
            and called.attr == self._change.name
            and self._is_of_the_owner(called.value)
        ):
            called.attr += NEW
            node.args.insert(0, ast.Constant(None))
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """A function that is handed on: ``do(self.wallets.record_wallet_state)``."""
        self.generic_visit(node)
        return node

    def _is_of_the_owner(self, value: ast.expr) -> bool:
        if isinstance(value, ast.Call):
            value = value.func
        last = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
        return last in self._receivers or (self._is_home and last in ("self", "cls", "super"))


class _Loader(importlib.machinery.SourceFileLoader):
    change: Change
    below: str

    def get_code(self, fullname: str):  # type: ignore[no-untyped-def]
        tree = ast.parse(Path(self.path).read_text(encoding="utf-8"))
        rewriter = _Rewriter(self.change, self.below)
        tree = ast.fix_missing_locations(rewriter.visit(tree))
        CHANGED[self.below] = CHANGED.get(self.below, 0) + rewriter.changed
        return compile(tree, self.path, "exec")


# How many functions were changed, by file.
CHANGED: dict[str, int] = {}


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, change: Change) -> None:
        self._change = change

    def find_spec(self, fullname, path=None, target=None):  # type: ignore[no-untyped-def]
        if not fullname.startswith("freqtrade."):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            return None
        source = Path(spec.loader.path)
        if self._change.name not in source.read_text(encoding="utf-8"):
            return None
        loader = _Loader(fullname, str(source))
        loader.change = self._change
        loader.below = str(source).rpartition("/freqtrade/")[2]
        spec.loader = loader
        return spec


def install(change: Change) -> None:
    """From now on freqtrade is imported with ``change``.

    :raises RuntimeError: it is imported already
    """
    if "freqtrade" in sys.modules:
        raise RuntimeError("freqtrade is imported already")
    if change.owner:
        sys.meta_path.insert(0, _Finder(change))
