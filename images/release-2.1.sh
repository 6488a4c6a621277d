#!/usr/bin/env bash
# Builds the programs of release 2.1 out of this tree, and puts them beside its manifest: from then on, cards whose image is
# "2.1" run them. Without them such cards run this tree's programs, which are of release 2.0 under another name.
#
#   images/release-2.1.sh [FOLDER]      FOLDER of releases to put them into; this one if none is named
#
# What is built is kept under target/releases (SWACT_RELEASES names another folder), apart from the programs of 2.0; libraries
# that this tree has built for 'cargo static' are used again, so that only its own packages are built.
set -euo pipefail
release=2.1

root=$(cd "$(dirname "$0")/.." && pwd)
into=${1:-$root/images}
[ -f "$into/$release/manifest.yml" ] || { echo "no release $release in $into" >&2; exit 1; }
triple=$(rustc -vV | sed -n 's/^host: //p')
ours=${CARGO_TARGET_DIR:-$root/target}
cache=${SWACT_RELEASES:-$ours/releases}/$release
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

# One at a time: two of them would put their programs into one place.
exec 9>"$cache/lock"
flock 9
for part in release "$triple/release"; do
  for kind in .fingerprint build deps; do
    [ -d "$ours/$part/$kind" ] && [ ! -d "$cache/$part/$kind" ] || continue
    mkdir -p "$cache/$part"
    cp -al "$ours/$part/$kind" "$cache/$part/" 2>/dev/null || cp -a "$ours/$part/$kind" "$cache/$part/"
  done
done
# The same packages as all of them together, so that libraries have the same features.
(cd "$root" && CARGO_TARGET_DIR=$cache cargo static --locked --bin rp --bin linecard \
  --features rp/release-2-1,linecard/release-2-1)

mkdir -p "$into/$release/programs"
# In place at once, and not into a file that a card is being started from.
for program in rp linecard; do
  cp "$cache/$triple/release/$program" "$into/$release/programs/$program.new"
  mv "$into/$release/programs/$program.new" "$into/$release/programs/$program"
done
echo "release $release: $into/$release/programs"
