# shellcheck shell=sh
# What cargo, tmux and git need of the environment, where the caller brings none (`env -i`, cron,
# a container's exec). Sourced by the other scripts; values that are already set are kept.

if [ -z "${HOME:-}" ]; then
    if command -v getent >/dev/null 2>&1; then
        HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
    else
        # The shell knows the home of a user by name, and only `eval` makes it say so.
        HOME=$(eval "printf '%s' ~$(id -un)")
    fi
    HOME=${HOME:-/}
fi
export HOME

PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}
for directory in "${CARGO_HOME:-$HOME/.cargo}/bin" /usr/local/cargo/bin /usr/local/bin \
    /opt/homebrew/bin /usr/bin /bin; do
    case ":$PATH:" in
        *":$directory:"*) ;;
        *) [ -d "$directory" ] && PATH=$PATH:$directory ;;
    esac
done
export PATH

# Container images keep one toolchain for all users there, and name it in their environment only.
if [ -z "${RUSTUP_HOME:-}" ] && [ ! -d "$HOME/.rustup" ] && [ -d /usr/local/rustup ]; then
    export RUSTUP_HOME=/usr/local/rustup
fi

# Cargo keeps what it downloads in its home; an account without one uses the build directory.
if [ -z "${CARGO_HOME:-}" ] && [ ! -w "$HOME" ] && [ ! -w "$HOME/.cargo" ]; then
    export CARGO_HOME="${CARGO_TARGET_DIR:-$root/target}/cargo-home"
fi

if [ -z "${LC_ALL:-}${LANG:-}" ]; then
    export LANG=C.UTF-8
fi
