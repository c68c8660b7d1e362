"""``balance-guard show-schema``: what an editor needs to complete and check config.json."""

import argparse
import json
import sys

from freqtrade_balance_guard.settings.schema import config_schema, section_schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--section-only",
        action="store_true",
        help="only the value of balance_guard, to be put into a schema of your own",
    )
    form.add_argument(
        "--standalone",
        action="store_true",
        help="a whole config.json, but without a reference to freqtrade's published schema",
    )


def run(args: argparse.Namespace) -> int:
    """Print the schema as JSON.

    :return: exit code, always 0
    """
    if args.section_only:
        schema = section_schema()
    else:
        schema = config_schema(with_freqtrade=not args.standalone)
    sys.stdout.write(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return 0
