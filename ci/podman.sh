# shellcheck shell=bash
# Podman, as root and as a user without rights, each behind a socket; sourced after lib.sh.
set -euo pipefail

podman_user=canship-test # only tests run as it

podman_socket() { # rootful|rootless
    case $1 in
        rootful) say /run/canship-test/podman.sock ;;
        rootless) say "$(podman_folder)/podman.sock" ;;
    esac
}
# What a session of that user would bring; rootless networks work with no other folder.
podman_folder() { say "/run/user/$(id -u "$podman_user")"; }

podman_on() { # rootful|rootless COMMAND...
    local socket
    socket=$(podman_socket "$1")
    podman --url "unix://$socket" "${@:2}"
}
podman_answers() {
    [ "$1" = rootful ] || id "$podman_user" >/dev/null 2>&1 || return 1
    timeout 20 curl --silent --fail --output /dev/null --unix-socket "$(podman_socket "$1")" http://podman/_ping
}
podman_is_settled() { gone "podman-$1" || podman_answers "$1"; }
podman_line() { podman_on "$1" version --format '{{.Server.Version}}' 2>/dev/null || say none; }

# Puts into `as` what starts a command as that user. Each of these becomes the next, so that the pid stays the same.
as_podman_user() {
    as=(env --chdir=/ setpriv --reuid="$podman_user" --regid="$podman_user" --init-groups --reset-env
        env "XDG_RUNTIME_DIR=$(podman_folder)" "PATH=$PATH")
}

make_podman_user() {
    id "$podman_user" >/dev/null 2>&1 ||
        useradd --create-home --home-dir "/var/lib/$podman_user" --shell /usr/sbin/nologin "$podman_user"
    mkdir -p /run/user
    install -d -m 700 -o "$podman_user" -g "$podman_user" "$(podman_folder)"
    local -a as
    as_podman_user
    # Open to all wherever udev runs.
    "${as[@]}" test -w /dev/net/tun || chmod 666 /dev/net/tun
}

# Starts what does not answer yet. With runc, as Docker: crun refuses machines with both versions of control groups.
podman_up() { # rootful|rootless
    if ! podman_answers "$1"; then
        [ "$(id -u)" = 0 ] || fail "no Podman answers at $(podman_socket "$1"): run this as root"
        local -a as=() options=(--runtime=runc)
        if [ "$1" = rootless ]; then
            make_podman_user
            as_podman_user
            options+=(--storage-driver=overlay --cgroup-manager=cgroupfs)
        fi
        # Registries of tests on loopback have no certificates; Docker needs not be told.
        mkdir -p /run/canship-test
        printf '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n' >/run/canship-test/registries.conf
        # What watches root's containers leaves a file in the folder it was started in.
        as+=(env --chdir=/run/canship-test CONTAINERS_REGISTRIES_CONF=/run/canship-test/registries.conf)
        finish "podman-$1" 30
        launch "podman-$1" "${as[@]}" podman "${options[@]}" system service --time=0 "unix://$(podman_socket "$1")"
        await 60 podman_is_settled "$1" || true
        podman_answers "$1" || {
            tail -n 30 "$logs/podman-$1.log" >&2
            fail "Podman ($1) does not start; its last words stand above"
        }
    fi
    say "podman $1 $(podman_line "$1")"
}

# Gives an image of Docker's to a Podman that does not have this very one.
podman_image() { # rootful|rootless IMAGE
    local id
    id=$(docker image inspect --format '{{.Id}}' "$2")
    [ "sha256:$(podman_on "$1" image inspect --format '{{.Id}}' "localhost/$2" 2>/dev/null)" != "$id" ] || return 0
    docker save "$2" | podman_on "$1" load --quiet >/dev/null
    say "gave $2 to podman $1"
}

podman_down() { # rootful|rootless
    local -a as
    alive "podman-$1" >/dev/null || return 0
    finish "podman-$1" 30
    [ "$1" = rootless ] || return 0
    # Ends the process that holds the user's namespaces.
    as_podman_user
    "${as[@]}" podman system migrate >"$logs/podman-migrate.log" 2>&1 || {
        cat "$logs/podman-migrate.log" >&2
        fail "Podman leaves the process that holds its user's namespaces"
    }
}
