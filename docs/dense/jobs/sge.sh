#!/bin/bash
# One design run as an SGE (UGE, OGS) array: each task does one shard of the run into the same dataset.
#   qsub sge.sh my-designs/config.yaml
# Tasks may be killed, rescheduled or submitted again at any time: nothing is written twice.
#$ -N dense
#$ -t 1-8
#$ -pe omp 4
#$ -l h_rt=12:00:00
#$ -l mem_per_core=2G
#$ -cwd
#$ -j y
#$ -r y

set -euo pipefail

config=${1:?usage: qsub sge.sh CONFIG}

# SGE counts from 1, shards from 0. The number of shards is a property of the run: keep it when you submit again.
exec dense run -c "$config" --resume --shard "$((SGE_TASK_ID - 1))/$SGE_TASK_LAST"
