#!/usr/bin/env bats
# timeout: 300
# The sample workloads, without a daemon: small sizes, with NumPy and without, and elastic training led by hand.

setup() {
    tasks=$BATS_TEST_DIRNAME/../../tasks
    python=${PYTHON:-/usr/bin/python3}
    tmp=$BATS_TEST_TMPDIR
    unset EPOCHS MODEL_SIZE TASK OP SIZE SIM_TYPE BACKEND MSCG_CONTROL_FILE MINI_SLURM_CONTROL_FILE
    export OMP_NUM_THREADS=2
    pid=
}

teardown() {
    if [ -n "$pid" ]; then kill -KILL "$pid" 2>/dev/null || true; fi
}

# small NAME OPTIONS...: runs it both ways; the last line is the RESULT
small() {
    local name=$1 backend
    shift
    for backend in auto python; do
        run "$python" "$tasks/$name.py" --backend "$backend" "$@"
        echo "$output"
        [ "$status" -eq 0 ]
        [[ ${lines[-1]} == "RESULT $name "*" ok" ]]
    done
}

# control CPUS: replaces the control file as the job runner does
control() {
    printf 'CPUS=%d\nMEM_MB=512\nMIN_CPUS=1\nMAX_CPUS=4\nSTATUS=RUNNING\nSCALE_EVENT=%s\n' "$1" "$(date +%s.%N)" \
        >"$tmp/control.new"
    mv "$tmp/control.new" "$tmp/control"
}

# wait_for PATTERN: until the output has a line like it, at most 20 s
wait_for() {
    local tries=0
    until grep -q -- "$1" "$tmp/out"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 400 ] || ! kill -0 "$pid" 2>/dev/null; then
            cat "$tmp/out"
            return 1
        fi
        sleep 0.05
    done
}

workers() {
    pgrep -c -P "$pid" || true
}

@test "train_neural_network" {
    small train_neural_network --epochs 2 --model-size small
}

@test "monte_carlo_simulation: pi and option" {
    small monte_carlo_simulation --num-samples 200000
    small monte_carlo_simulation --sim-type option --num-samples 100000
}

@test "monte_carlo_simulation: the result does not depend on the number of processes" {
    export NUM_SAMPLES=3000000
    OMP_NUM_THREADS=1 run "$python" "$tasks/monte_carlo_simulation.py"
    one=${lines[-1]% seconds=*}
    OMP_NUM_THREADS=3 run "$python" "$tasks/monte_carlo_simulation.py"
    [ "$one" = "${lines[-1]% seconds=*}" ]
    SEED=2 run "$python" "$tasks/monte_carlo_simulation.py"
    [ "$one" != "${lines[-1]% seconds=*}" ]
}

@test "matrix_operations: multiply, svd, cholesky" {
    small matrix_operations --size 50
    small matrix_operations --op svd --size 16
    small matrix_operations --op cholesky --size 60
}

@test "image_processing: batch and features" {
    small image_processing --num-images 3 --image-size 48
    small image_processing --task features --num-images 3 --image-size 48 --feature-dim 72
}

@test "data_processing: dataset, timeseries, sort" {
    small data_processing --num-rows 3000 --num-features 5
    small data_processing --task timeseries --num-series 5 --series-length 500
    small data_processing --task sort --num-elements 20001
}

@test "scientific_computing: heat, nbody, linear, fea" {
    small scientific_computing --grid-size 24 --time-steps 60
    small scientific_computing --sim-type nbody --num-bodies 20 --time-steps 20
    small scientific_computing --sim-type linear --matrix-size 60
    small scientific_computing --sim-type fea --grid-size 24
}

@test "elastic_training at a small size" {
    small elastic_training --epochs 8 --model-size tiny --samples 1024
    small elastic_training --epochs 2 --model-size tiny --samples 128 --steps 3
}

@test "sizes come from the environment, and an option wins" {
    EPOCHS=3 MODEL_SIZE=small run "$python" "$tasks/train_neural_network.py"
    [[ ${lines[-1]} == *" model=small epochs=3 "*" ok" ]]
    EPOCHS=3 MODEL_SIZE=small run "$python" "$tasks/train_neural_network.py" --epochs=2
    [[ ${lines[-1]} == *" model=small epochs=2 "*" ok" ]]
}

@test "bad settings end with status 2 and say what would be right" {
    for name in elastic_training train_neural_network monte_carlo_simulation matrix_operations image_processing \
        data_processing scientific_computing; do
        run "$python" "$tasks/$name.py" --frobnicate 1
        [ "$status" -eq 2 ]
        [ "$output" = "$name: --frobnicate: no such option, see --help" ]
        run "$python" "$tasks/$name.py" --help
        [ "$status" -eq 0 ]
    done
    EPOCHS=many run "$python" "$tasks/elastic_training.py"
    [ "$status" -eq 2 ]
    [ "$output" = "elastic_training: EPOCHS=many: must be a whole number of at least 1" ]
    run "$python" "$tasks/matrix_operations.py" --size -4
    [ "$status" -eq 2 ]
    OP=divide run "$python" "$tasks/matrix_operations.py"
    [ "$status" -eq 2 ]
    [ "$output" = "matrix_operations: OP=divide: must be one of multiply, svd, cholesky" ]
    run "$python" "$tasks/data_processing.py" --num-rows
    [ "$status" -eq 2 ]
    EPOCH_SECONDS=nan run "$python" "$tasks/elastic_training.py"
    [ "$status" -eq 2 ]
}

# The check has to be able to fail: what would compute wrongly is planted from outside.
@test "a wrong result ends with status 1 and FAILED" {
    cat >"$tmp/wrong.py" <<'WRONG'
import sys
sys.path.insert(0, sys.argv[1])
sys.argv[1:] = []
import matrix_operations
right = matrix_operations.WithoutNumpy.product
def product(self, a, b):
    c = right(self, a, b)
    c[3][4] += 1e-3
    return c
matrix_operations.WithoutNumpy.product = product
matrix_operations.main()
WRONG
    BACKEND=python SIZE=20 run "$python" -B "$tmp/wrong.py" "$tasks"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == "RESULT matrix_operations "*" FAILED" ]]
}

@test "elastic_training follows the control file and SIGUSR1: 1, 3, 1 workers" {
    control 1
    # The file has to win over the environment, and our own name over Mini-SLURM's.
    MSCG_CONTROL_FILE=$tmp/control MINI_SLURM_CONTROL_FILE=/nonexistent MSCG_CURRENT_CPUS=2 EPOCHS=4 EPOCH_SECONDS=1 \
        MODEL_SIZE=tiny SAMPLES=1024 "$python" "$tasks/elastic_training.py" >"$tmp/out" 2>&1 &
    pid=$!
    wait_for '1 workers from control file'
    wait_for 'epoch 1/4 workers 1'
    control 3
    kill -USR1 "$pid"
    wait_for 'scaled 1 -> 3 workers after [0-9]* ms, epoch'
    [ "$(workers)" -eq 3 ]
    wait_for 'epoch 2/4 workers 3'
    # A file with no use in it changes nothing.
    echo CPUS=none >"$tmp/control"
    kill -USR1 "$pid"
    sleep 0.3
    rm "$tmp/control"
    kill -USR1 "$pid"
    sleep 0.2
    [ "$(workers)" -eq 3 ]
    control 1
    kill -USR1 "$pid"
    wait_for 'scaled 3 -> 1 workers after [0-9]* ms, epoch'
    [ "$(workers)" -eq 1 ]
    wait "$pid"
    cat "$tmp/out"
    tail -n 1 "$tmp/out" | grep -Eq '^RESULT elastic_training .* resizes=2 workers=1\.\.3 .* ok$'
}

@test "elastic_training sees a changed control file without a signal, by Mini-SLURM's names" {
    control 2
    MINI_SLURM_CONTROL_FILE=$tmp/control EPOCHS=4 EPOCH_SECONDS=0.4 MODEL_SIZE=tiny SAMPLES=1024 \
        "$python" "$tasks/elastic_training.py" >"$tmp/out" 2>&1 &
    pid=$!
    wait_for 'epoch 1/4 workers 2'
    control 1
    wait "$pid"
    cat "$tmp/out"
    grep -q '^scaled 2 -> 1 workers after' "$tmp/out"
    tail -n 1 "$tmp/out" | grep -q ' resizes=1 workers=1..2 .* ok$'
}

@test "elastic_training survives SIGUSR1 at any moment, in every process" {
    control 2
    MSCG_CONTROL_FILE=$tmp/control EPOCHS=20 EPOCH_SECONDS=0.4 MODEL_SIZE=tiny SAMPLES=1024 \
        "$python" "$tasks/elastic_training.py" >"$tmp/out" 2>&1 &
    pid=$!
    wait_for ' workers from '
    for i in $(seq 100); do
        if [ $((i % 5)) -eq 0 ]; then control $((1 + i / 5 % 3)); fi
        kill -USR1 "$pid" || { [ "$i" -gt 50 ] && break; }  # a machine that is slow to signal is not at fault
        pkill -USR1 -P "$pid" || true
        sleep 0.01
    done
    # And on to the end: Python takes its handlers away while it winds down.
    while kill -USR1 "$pid" 2>/dev/null; do :; done
    wait "$pid"
    cat "$tmp/out"
    tail -n 1 "$tmp/out" | grep -q '^RESULT elastic_training .* ok$'
    [ "$(grep -c '^scaled' "$tmp/out")" -ge 3 ]
}

@test "elastic_training stops at SIGTERM and leaves no worker, and notices one that died" {
    MSCG_CURRENT_CPUS=2 EPOCHS=50 EPOCH_SECONDS=1 MODEL_SIZE=tiny SAMPLES=512 \
        "$python" "$tasks/elastic_training.py" >"$tmp/out" 2>&1 &
    pid=$!
    wait_for '2 workers from the environment'
    wait_for 'epoch 1/'
    children=$(pgrep -P "$pid")
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 143 ]
    for child in $children; do
        for _ in $(seq 40); do kill -0 "$child" 2>/dev/null && sleep 0.05; done
        run kill -0 "$child"
        [ "$status" -ne 0 ]
    done
    MSCG_CURRENT_CPUS=2 EPOCHS=50 EPOCH_SECONDS=1 MODEL_SIZE=tiny SAMPLES=512 \
        "$python" "$tasks/elastic_training.py" >"$tmp/out" 2>&1 &
    pid=$!
    wait_for 'epoch 1/'
    pkill -KILL -n -P "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 1 ]
    grep -q 'worker [0-9]* was killed by signal 9' "$tmp/out"
}

@test "elastic_worker, the same in C: 1, 3, 1 threads" {
    worker=${BUILD:-$BATS_TEST_DIRNAME/../../build}/tasks/elastic_worker
    if [ ! -x "$worker" ]; then
        echo "not built: make tasks"
        return 1
    fi
    run "$worker" --chunks 50 --steps 10000
    [ "$status" -eq 0 ]
    [[ ${lines[-1]} == "RESULT elastic_worker "*" ok" ]]
    run "$worker" --chunks many
    [ "$status" -eq 2 ]
    control 1
    MSCG_CONTROL_FILE=$tmp/control CHUNKS=4000 "$worker" >"$tmp/out" 2>&1 &
    pid=$!
    wait_for '1 threads from the control file'
    control 3
    kill -USR1 "$pid"
    wait_for 'scaled 1 -> 3 threads after [0-9]* ms'
    # Without the signal too: the file's descriptor says it.
    control 1
    wait_for 'scaled 3 -> 1 threads after [0-9]* ms'
    for _ in $(seq 100); do kill -USR1 "$pid"; done
    wait "$pid"
    cat "$tmp/out"
    tail -n 1 "$tmp/out" | grep -q '^RESULT elastic_worker .* resizes=2 .* ok$'
}

@test "submit_examples --dry-run prints the commands" {
    MSCG=my-mscg run "$tasks/submit_examples" --dry-run --small elastic array
    echo "$output"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 4 ]
    [[ ${lines[0]} == "my-mscg submit --elastic --cpus 1 --min-cpus 1 --max-cpus "*"/elastic_training.py "* ]]
    [[ ${lines[2]} == *" --priority 10 "* ]]
    [[ ${lines[3]} == *" -a 0-3 "* ]]
    MSCG=my-mscg run "$tasks/submit_examples" --dry-run all
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 13 ]
}

@test "submit_examples submits, passes failures on and refuses what it does not know" {
    printf '#!/bin/sh\necho "$@" >>"%s/submitted"\n' "$tmp" >"$tmp/mscg"
    chmod +x "$tmp/mscg"
    MSCG=$tmp/mscg run "$tasks/submit_examples" priority
    [ "$status" -eq 0 ]
    [ "$(wc -l <"$tmp/submitted")" -eq 3 ]
    MSCG=false run "$tasks/submit_examples" priority
    [ "$status" -eq 1 ]
    run "$tasks/submit_examples" everything
    [ "$status" -eq 2 ]
    run "$tasks/submit_examples"
    [ "$status" -eq 2 ]
}

# What the examples submit at their small sizes runs.
@test "the commands of submit_examples --small end well" {
    printf '#!/bin/sh\nwhile [ "${1##*/}" != "${PYTHON##*/}" ]; do shift; done\nexec "$@"\n' >"$tmp/mscg"
    chmod +x "$tmp/mscg"
    PYTHON=$python MSCG=$tmp/mscg run "$tasks/submit_examples" --small basic elastic array
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^RESULT .* ok$' <<<"$output")" -eq 10 ]
}
