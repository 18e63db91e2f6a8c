# shellcheck shell=bash
# What the scripts of this folder share; sourced by them, and puts them into the project's root.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C.UTF-8
export PATH="$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin:/usr/local/sbin:/usr/sbin:/sbin"

state=$PWD/target/ci # everything that the scripts make
logs=$state/log
running=$state/running # what ci/up started and ci/down ends
mkdir -p "$logs" "$running"

say() { printf '%s\n' "$*"; }
fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Waits until a command succeeds: await SECONDS COMMAND...
await() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.2
    done
}

# When a process started, in ticks since boot: with the pid it names one process, while a pid alone is given away again.
born() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }
    cut -d' ' -f20 <<<"$stat"
}

# Starts a program that outlives the script, and notes it for ci/down: launch NAME COMMAND...
# Its output goes to a log, so that nobody waits for an output that stays open.
launch() {
    local name=$1
    shift
    setsid "$@" </dev/null >"$logs/$name.log" 2>&1 &
    printf '%s %s\n' "$!" "$(born "$!")" >"$running/$name"
    disown "$!"
}

# The pid of what was launched under a name; fails if it has ended.
alive() {
    local pid birth
    read -r pid birth 2>/dev/null <"$running/$1" || return 1
    [ -n "$birth" ] && [ "$(born "$pid" || true)" = "$birth" ] || return 1
    [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -c1)" != Z ] || return 1
    printf '%s\n' "$pid"
}
gone() { ! alive "$1" >/dev/null; }

# Ends what was launched under a name, and waits until it has ended: finish NAME SECONDS
finish() {
    local pid
    if pid=$(alive "$1"); then
        kill -TERM "$pid" 2>/dev/null || true
        if ! await "$2" gone "$1"; then
            say "$1 (pid $pid) did not end in $2 s and is killed"
            kill -KILL "$pid" 2>/dev/null || true
            await 10 gone "$1" || fail "$1 (pid $pid) cannot be ended"
        fi
    fi
    rm -f "$running/$1"
}

engine_answers() { timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
engine_line() { docker version --format '{{.Server.Version}} (API {{.Server.APIVersion}}), client {{.Client.Version}}' 2>/dev/null || say none; }
has_image() { docker image inspect "$1" >/dev/null 2>&1; }
