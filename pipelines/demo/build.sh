#!/bin/sh
# Builds `dist/hello` from its source: fills in the version and the commit, then checks the result.
set -eu
version=$(cat VERSION)
commit=$(cat .git/HEAD | cut -c 1-12)
mkdir -p dist
sed -e "s/@VERSION@/$version/" -e "s/@COMMIT@/$commit/" src/hello.sh > dist/hello
chmod +x dist/hello
echo "built dist/hello $version ($commit)"
