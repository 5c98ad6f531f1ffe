#!/usr/bin/env bash
set -euo pipefail
# What we make here is for this user only.
umask 077
# Evaluates a served model: the worker asks it, has its answers graded, and records both. gpu-eval eval starts this as a job.

exec /home/eva/.gpu-eval/envs/node/bin/node /home/eva/.gpu-eval/tool/worker.mjs /home/eva/.gpu-eval/jobs/eval-r7/worker.spec.json
