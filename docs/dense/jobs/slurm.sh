#!/bin/bash
# One design run as a Slurm array: each task does one shard of the run into the same dataset.
#   sbatch slurm.sh my-designs/config.yaml
# Tasks may be killed, requeued or submitted again at any time: nothing is written twice.
#SBATCH --job-name=dense
#SBATCH --array=0-7
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# A SIGTERM three minutes before the end lets the run write what it has finished.
#SBATCH --signal=TERM@180

set -euo pipefail

config=${1:?usage: sbatch slurm.sh CONFIG}

# The number of shards is a property of the run: keep it when you submit again.
shards=8

# exec: the signal reaches dense itself, not the shell around it.
exec srun dense run -c "$config" --resume --shard "$SLURM_ARRAY_TASK_ID/$shards"
