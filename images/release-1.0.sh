#!/usr/bin/env bash
# Builds the programs of release 1.0 out of this repository's history, and puts them beside its manifest: from then on, cards
# whose image is "1.0" run them. Without them such cards run this tree's programs, as any release without its own does.
#
#   images/release-1.0.sh [FOLDER]      FOLDER of releases to put them into; this one if none is named
#
# What was built once is kept, by commit, under target/releases (SWACT_RELEASES names another folder). Needs git and the
# repository's history; libraries that this tree has built for 'cargo static' are used again.
set -euo pipefail
release=1.0
commit=b825b6af1c1106f165805625d5ef45d02f3048e9

root=$(cd "$(dirname "$0")/.." && pwd)
into=${1:-$root/images}
[ -f "$into/$release/manifest.yml" ] || { echo "no release $release in $into" >&2; exit 1; }
cache=${SWACT_RELEASES:-${CARGO_TARGET_DIR:-$root/target}/releases}/$commit
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

# One at a time: two of them would build into one folder.
exec 9>"$cache/lock"
flock 9
if [ ! -f "$cache/built" ]; then
  if [ "$(git -C "$root" rev-parse --is-shallow-repository)" = true ]; then git -C "$root" fetch -q --unshallow || true; fi
  git -C "$root" cat-file -e "$commit^{commit}" 2>/dev/null || {
    echo "release $release is commit $commit, which this clone does not have: fetch the whole history" >&2
    exit 1
  }
  # Elsewhere: below this tree, this tree's cargo configuration would be added to its own.
  source=$(mktemp -d)
  trap 'rm -rf "$source"' EXIT
  git -C "$root" archive "$commit" | tar -x -C "$source"
  # Files are named by what went into them, so those of this tree's libraries fit, and its own packages are not touched.
  triple=$(rustc -vV | sed -n 's/^host: //p')
  ours=${CARGO_TARGET_DIR:-$root/target}
  for part in release "$triple/release"; do
    for kind in .fingerprint build deps; do
      [ -d "$ours/$part/$kind" ] && [ ! -d "$cache/target/$part/$kind" ] || continue
      mkdir -p "$cache/target/$part"
      cp -al "$ours/$part/$kind" "$cache/target/$part/" 2>/dev/null || cp -a "$ours/$part/$kind" "$cache/target/$part/"
    done
  done
  (cd "$source" && CARGO_TARGET_DIR=$cache/target cargo static --locked -p rp -p linecard)
  cp "$cache/target/$triple/release/rp" "$cache/target/$triple/release/linecard" "$cache/"
  rm -rf "$cache/target"
  touch "$cache/built"
fi

mkdir -p "$into/$release/programs"
# In place at once, and not into a file that a card is being started from.
for program in rp linecard; do
  cp "$cache/$program" "$into/$release/programs/$program.new"
  mv "$into/$release/programs/$program.new" "$into/$release/programs/$program"
done
echo "release $release: $into/$release/programs"
