#!/bin/sh
# Unpacks Debian's package "prometheus" (server and promtool) into .cache/prometheus. Nothing is
# installed: the tests start the server from there. Exit code 2: the archive cannot be reached.
set -eu
folder="$(cd "$(dirname "$0")/.." && pwd)/.cache/prometheus"
[ -x "$folder/usr/bin/promtool" ] && exit 0
command -v apt-get > /dev/null || exit 2
mkdir -p "$folder"
cd "$folder"
# The package list of a new machine may be older than the archive.
apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; } || exit 2
dpkg-deb -x prometheus_*.deb .
rm -f prometheus_*.deb
