#!/bin/sh
# Unpacks Debian's Chromium, with the libraries that this machine has not, into .cache/chromium.
# Nothing is installed: the tests start it from there. Exit code 2: the archive cannot be reached.
set -eu
folder="$(cd "$(dirname "$0")/.." && pwd)/.cache/chromium"
[ -x "$folder/chromium" ] && exit 0
command -v apt-get > /dev/null || exit 2
mkdir -p "$folder/archives/partial" "$folder/root"
cd "$folder"
get() {
    # A cache of our own and no lock: so it needs no right but to read.
    apt-get install -qq -y --download-only --reinstall --no-install-recommends \
        -o Debug::NoLocking=1 -o Dir::Cache::archives="$folder/archives" chromium > /dev/null
}
# The package list of a new machine may be older than the archive.
get || { apt-get update -qq && get; } || exit 2
for package in archives/*.deb; do dpkg-deb -x "$package" root; done
rm -rf archives
libraries="$(find root -type d -name "*-linux-gnu" | sed "s|^|$folder/|" | paste -sd: -)"
cat > chromium.new << END
#!/bin/sh
[ -d /etc/fonts ] || export FONTCONFIG_PATH="$folder/root/etc/fonts"
export LD_LIBRARY_PATH="$libraries"
exec "$folder/root/usr/lib/chromium/chromium" "\$@"
END
chmod +x chromium.new
mv chromium.new chromium
