#!/bin/sh
# Unpacks Debian's package "prometheus" (server and promtool) into .cache/prometheus. Nothing is
# installed: the tests start the server from there.
set -eu
folder="$(cd "$(dirname "$0")/.." && pwd)/.cache/prometheus"
[ -x "$folder/usr/bin/promtool" ] && exit 0
mkdir -p "$folder"
cd "$folder"
# The package list of a new machine may be older than the archive.
apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }
dpkg-deb -x prometheus_*.deb .
rm -f prometheus_*.deb
