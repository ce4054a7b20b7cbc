#!/usr/bin/env bash
# Makes the lower layer of the image, which changes with Debian and not with our code: Debian 13's C library, libbpf,
# a shell for the start scripts, BIRD with its smallest client, and a Java 25 runtime of the modules we use. Nothing but
# the files that these need.
# Does nothing where it is there already. Needs root.
#
# usage: base.sh ARCH        prints the folder on its last line; there: root/ and packages.tsv
# env:   XDPLB_CACHE         where built things are kept (default: xdplb in the user's cache folder)
#        XDPLB_DEBIAN        where Debian comes from (default: http://deb.debian.org)
#        XDPLB_BASE=fresh    make it anew, with the fixes that Debian has now
set -euo pipefail

SUITE=trixie
# What `jdeps --print-module-deps` says of our jars without the parts we never reach (JDBC, JNI of AWT, compilers),
# and jdk.jcmd for whoever is on call.
MODULES=java.base,java.logging,java.management,java.naming,java.net.http,java.xml,jdk.httpserver,jdk.jcmd,jdk.management,jdk.unsupported
PACKAGES=libbpf1,dash,bird2,openjdk-25-jdk-headless
# What is run or opened by name; what these need of other libraries is found by their headers.
PROGRAMS="usr/bin/dash usr/sbin/bird usr/sbin/birdcl usr/lib/java/bin/* usr/lib/java/lib/*.so usr/lib/java/lib/server/*.so"
LIBRARIES=libbpf.so.1

arch=${1:?usage: base.sh ARCH, for example amd64 or arm64}
debian=${XDPLB_DEBIAN:-http://deb.debian.org}
cache=${XDPLB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/xdplb}
out=$cache/image-$SUITE-$arch-$(sha256sum "$0" | head -c 12)
host=$(dpkg --print-architecture)
work=

say() { printf '%s\n' "$*" >&2; }

# Unpacks Debian packages of an architecture into a folder, runs nothing of them, and notes which file is whose.
unpack() {
  local architecture=$1 folder=$2
  # shellcheck disable=SC2016 # the hook's variables are its own
  mmdebstrap --quiet --variant=extract --architectures="$architecture" --include="$PACKAGES" \
    --aptopt='APT::Install-Recommends "false"' \
    --extract-hook='for deb in "$1"/var/cache/apt/archives/*.deb; do
        fields=$(dpkg-deb -W --showformat "\${Package}\t\${Version}\t\${Architecture}" "$deb")
        dpkg-deb --fsys-tarfile "$deb" | tar t | sed -n "s|^\./\(.*[^/]\)$|$fields\t\1|p"
      done >"$1/files.tsv"' \
    "$SUITE" "$folder" \
    "deb $debian/debian $SUITE main" "deb $debian/debian $SUITE-updates main" \
    "deb $debian/debian-security $SUITE-security main" >&2
  for link in bin sbin lib lib64; do
    [ -e "$folder/$link" ] || ln -s "usr/$link" "$folder/$link"
  done
}

# jlink runs on this machine, on modules of any architecture.
link_runtime() {
  local modules
  modules=$(cd "$work/$arch" && echo usr/lib/jvm/java-25-openjdk-*/jmods)
  mkdir -p "$work/$host/proc" "$work/$host/jmods"
  unshare --mount --fork --pid bash -euc '
    mount -t proc proc "$1/proc"
    mount --bind "$2" "$1/jmods"
    exec chroot "$1" /usr/lib/jvm/java-25-openjdk-'"$host"'/bin/jlink --module-path /jmods --add-modules "$3" \
      --no-header-files --no-man-pages --strip-java-debug-attributes --output /java' \
    - "$work/$host" "$work/$arch/$modules" "$MODULES"
  mkdir -p "$work/root/usr/lib"
  mv "$work/$host/java" "$work/root/usr/lib/java"
  rm -rf "$work/root/usr/lib/java/legal"
  find "$work/root/usr/lib/java" -name '*.so' -exec llvm-objcopy --strip-unneeded {} \;
  find "$work/root/usr/lib/java/bin" -type f -exec llvm-objcopy --strip-all {} \;
}

needed() { llvm-readelf --dynamic-table "$@" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | sort -u; }

# Copies a file of the unpacked packages, and what it links to.
take() {
  local file=$1 target
  mkdir -p "$work/root/$(dirname "$file")"
  cp -a "$work/$arch/$file" "$work/root/$file"
  if [ -L "$work/$arch/$file" ]; then
    target=$(realpath --relative-to="$work/$arch" "$work/$arch/$file")
    [ -e "$work/root/$target" ] || take "$target"
  fi
}

take_libraries() {
  local before='' now=$LIBRARIES name file loader
  while [ "$before" != "$now" ]; do
    before=$now
    for name in $now; do
      file=$(cd "$work/$arch" && find usr/lib -name "$name" -not -path '*/jvm/*' | head -n 1)
      # what is in none is the runtime's own: libjvm.so, libjli.so
      [ -z "$file" ] || [ -e "$work/root/$file" ] || take "$file"
    done
    # shellcheck disable=SC2086 # patterns
    now=$(cd "$work/root" && { echo "$LIBRARIES"; needed $PROGRAMS $(find usr/lib -name '*.so*' -type f); } | sort -u)
  done
  # programs name their loader by a path of its own: /lib64/ld-linux-x86-64.so.2
  loader=usr$(llvm-readelf --program-headers "$work/root/usr/bin/dash" | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
  if ! [ -e "$work/root/$loader" ]; then
    mkdir -p "$work/root/$(dirname "$loader")"
    file=$(cd "$work/root" && find usr/lib -name "$(basename "$loader")" | head -n 1)
    ln -s "$(realpath -m --relative-to="$work/root/$(dirname "$loader")" "$work/root/$file")" "$work/root/$loader"
  fi
}

assemble() {
  mkdir -p "$work/root"
  cd "$work/root"
  link_runtime
  take usr/bin/dash
  ln -s dash usr/bin/sh
  take usr/sbin/bird
  take usr/sbin/birdcl
  take_libraries
  for link in bin sbin lib lib64; do
    [ ! -d "usr/$link" ] || ln -s "usr/$link" "$link"
  done
  mkdir -p etc dev proc run sys tmp var/tmp
  chmod 1777 tmp var/tmp
  printf 'root:x:0:0:root:/:/bin/sh\nnonroot:x:65532:65532:nonroot:/:/bin/sh\n' >etc/passwd
  printf 'root:x:0:\nnonroot:x:65532:\n' >etc/group
  printf 'hosts: files dns\n' >etc/nsswitch.conf
  printf 'ID=debian\nVERSION_ID=13\nVERSION_CODENAME=%s\nPRETTY_NAME="Debian GNU/Linux 13, what xdplb needs of it"\n' \
    "$SUITE" >etc/os-release
  # whose files these are: for the SBOM, and each package's copyright goes with it
  (find . -type f -o -type l) | sed 's|^\./||' | sort >"$work/taken"
  awk -F '\t' 'NR == FNR { taken[$1]; next } $4 in taken { print $1 "\t" $2 "\t" $3 }' \
    "$work/taken" "$work/$arch/files.tsv" | sort -u >"$work/packages.tsv"
  grep -P '^openjdk-25-jdk-headless\t' "$work/$arch/files.tsv" | head -n 1 | cut -f 1-3 >>"$work/packages.tsv"
  cut -f 1 "$work/packages.tsv" | while read -r package; do
    # a package's documentation may be a link to that of another package of the same source
    copyright=$(realpath -m --relative-to="$work/$arch" "$work/$arch/usr/share/doc/$package")/copyright
    [ ! -f "$work/$arch/$copyright" ] || install -D -m 644 "$work/$arch/$copyright" "usr/share/doc/$package/copyright"
  done
}

mkdir -p "$cache"
exec 9>"$cache/.image-$arch.lock"
flock 9
[ "${XDPLB_BASE:-}" != fresh ] || rm -rf "$out"
if ! [ -s "$out/packages.tsv" ]; then
  say "making the image's lower layer from Debian $SUITE ($arch), once: about two minutes"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  chmod 755 "$work"
  unpack "$host" "$work/$host"
  [ "$arch" = "$host" ] || unpack "$arch" "$work/$arch"
  (assemble)
  rm -rf "$out"
  mkdir -p "$out"
  cp -a "$work/root" "$out/root"
  cp "$work/packages.tsv" "$out/packages.tsv"
fi
echo "$out"
