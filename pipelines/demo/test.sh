#!/bin/sh
# The project's tests.
set -eu
greeting=$(./dist/hello Ada)
[ "$greeting" = "Hello, Ada!" ] || { echo "greeted with: $greeting" >&2; exit 1; }
echo "1 test passed"
