#!/usr/bin/env bash
set -euo pipefail
# What we make here is for this user only.
umask 077
# Serves one GGUF model with llama.cpp, on the loopback only. gpu-eval serve starts this as a job.

exec /home/eva/.gpu-eval/envs/llamacpp/bin/python /home/eva/.gpu-eval/tool/llamacpp_server.py \
  --model smollm2 \
  --alias smollm2 \
  --host 127.0.0.1 \
  --port 8000 \
  --api-key-file /home/eva/.gpu-eval/secrets/server-key \
  --ctx 4096 \
  --parallel 4 \
  --threads 2
