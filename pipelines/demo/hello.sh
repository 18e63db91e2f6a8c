#!/bin/sh
# Greets somebody.
case "${1:-world}" in
  --version) echo "hello @VERSION@ (@COMMIT@)" ;;
  *) echo "Hello, ${1:-world}!" ;;
esac
