#!/bin/sh
# Takes out of installed packages what no process of an image ever loads: binaries for other systems, types, maps and tests. Usage: trim-modules node_modules x64
set -eu
modules=$1
cpu=$2

for folder in "$modules"/onnxruntime-node/bin/napi-*; do
  [ -d "$folder" ] || continue
  rm -rf "$folder/darwin" "$folder/win32"
  for binaries in "$folder"/linux/*; do [ "${binaries##*/}" = "$cpu" ] || rm -rf "$binaries"; done
done
find "$modules" -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.md' -o -name '*.markdown' \) -delete
find "$modules" -depth -type d \( -name test -o -name tests -o -name __tests__ -o -name docs -o -name example -o -name examples \) ! -path '*/dist/*' ! -path '*/lib/*' -exec rm -rf {} +
