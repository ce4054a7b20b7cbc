#!/usr/bin/env bash
# Makes the container image of operator and agent as one file, without a container engine or a registry:
# `docker load -i FILE` and `ctr -n k8s.io images import FILE` both take it. The same sources, and the same lower layer,
# give the same digest. Needs root, and what `make build` makes.
#
# usage: build.sh [--arch ARCH]     prints the file on its last line; beside it: NAME.digest, NAME.spdx.json, and
#                                   root-ARCH/, what a container sees
#        ARCH                       as Debian names it: amd64, arm64; default: this machine's. For another one the
#                                   archive of loaded classes is made only where its programs run here (qemu-user).
# env:   SOURCE_DATE_EPOCH          the time of everything in it (default: project.build.outputTimestamp)
#        XDPLB_CACHE, XDPLB_BASE    see base.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cli=$here/../cli/target

arch=$(dpkg --print-architecture)
if [ "${1:-}" = --arch ]; then
  arch=${2:?--arch needs one, for example arm64}
elif [ $# -gt 0 ]; then
  echo "usage: build.sh [--arch ARCH]" >&2
  exit 2
fi
case $arch in
  amd64) jna=linux-x86-64 ;;
  arm64) jna=linux-aarch64 ;;
  *) echo "no image for $arch: amd64 and arm64 are known" >&2; exit 2 ;;
esac
if [ "$(id -u)" != 0 ]; then
  echo "making the image needs root: it unpacks Debian packages and runs Java in a root of its own" >&2
  exit 1
fi
if ! [ -f "$cli/xdplb.jar" ] || ! [ -f "$cli/dependencies.txt" ]; then
  echo "$cli/xdplb.jar is missing: run make build first" >&2
  exit 1
fi

pom() { sed -n "s|.*<$1>\(.*\)</$1>.*|\1|p" "$here/../../pom.xml" | head -n 1; }
version=$(pom version)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date -d "$(pom project.build.outputTimestamp)" +%s)}
export SOURCE_DATE_EPOCH

base=$("$here/base.sh" "$arch" | tail -n 1)
out=$here/target
root=$out/root-$arch
mkdir -p "$out"
exec 9>"$out/.lock"
flock 9
work=$(mktemp -d "$out/.work-XXXXXX")
trap 'rm -rf "$work"' EXIT

# The upper layer: our jars, the start scripts, JNA's library (a read-only root cannot unpack it).
app=$work/app
home=usr/lib/xdplb
mkdir -p "$app/usr/bin" "$app/$home/lib" "$app/$home/native"
install -m 644 "$cli/xdplb.jar" "$app/$home/"
# of target/lib only what is a dependency now: it may hold jars of an earlier build
sed 's/\x1b\[[0-9;]*m//g' "$cli/dependencies.txt" | awk -F '[ :]+' '$4 == "jar" { print $3 "-" $5 ".jar" }' |
  while read -r jar; do install -m 644 "$cli/lib/$jar" "$app/$home/lib/"; done
install -m 755 "$cli/xdplb" "$here/bird" "$app/$home/"
ln -s "../lib/xdplb/xdplb" "$app/usr/bin/xdplb"
(cd "$work" && jar xf "$app/$home"/lib/jna-*.jar "com/sun/jna/$jna/libjnidispatch.so")
install -m 644 "$work/com/sun/jna/$jna/libjnidispatch.so" "$app/$home/native/"
# Java compares the jars' times with those that it noted in its archive
find "$app" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

cp -a --reflink=auto "$base/root" "$work/root"
cp -a "$app/." "$work/root/"

# Runs Java in the new root, which needs /proc to find its libraries.
java_inside() {
  # shellcheck disable=SC2016 # the shell inside expands it
  unshare --mount --fork --pid bash -euc '
    mount -t proc proc "$1/proc"
    exec chroot "$1" /usr/lib/java/bin/java "${@:2}"
  ' - "$work/root" "$@"
}

# The archive of the classes that operator and agent load, which ImageTest writes down in classes.txt.gz. Without a
# compiler, with a fixed heap and without linking ahead of time the dump is the same, on a quiet machine each time.
if java_inside -Xshare:off -version >"$work/java.log" 2>&1; then
  gunzip -c "$here/classes.txt.gz" >"$work/root/tmp/classes.txt"
  dump() {
    rm -f "$work/root/$home/xdplb.jsa"
    java_inside -Xshare:dump -Xint -XX:+UseSerialGC -Xms256m -Xmx256m -XX:SharedClassListFile=/tmp/classes.txt \
      -XX:SharedArchiveFile="/$home/xdplb.jsa" -cp "/$home/xdplb.jar" \
      >"$work/dump.log" 2>&1 || { cat "$work/dump.log" >&2; exit 1; }
  }
  # On a machine that is very busy one was seen to differ: two that are the same are what it is.
  dump
  for _ in 1 2 3 4; do
    mv "$work/root/$home/xdplb.jsa" "$work/other.jsa"
    dump
    cmp -s "$work/other.jsa" "$work/root/$home/xdplb.jsa" && break
  done
  rm "$work/root/tmp/classes.txt" "$work/other.jsa"
  chmod 644 "$work/root/$home/xdplb.jsa"
  touch --date="@$SOURCE_DATE_EPOCH" "$work/root/$home/xdplb.jsa"
  cp -a "$work/root/$home/xdplb.jsa" "$app/$home/"
else
  cat "$work/java.log" >&2
  echo "this machine does not run programs of $arch: the image has no archive of loaded classes and starts slower" >&2
fi

name=xdplb-$version-$arch
python3 "$here/pack.py" --name "xdplb.io/xdplb:$version" --arch "$arch" --version "$version" --base "$base" --app "$app" \
  --dependencies "$cli/dependencies.txt" --sbom "$work/$name.spdx.json" --out "$work/$name.tar" >"$work/$name.digest"
rm -rf "$root"
mv "$work/root" "$root"
mv "$work/$name".* "$out/"
echo "$out/$name.tar"
