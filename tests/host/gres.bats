#!/usr/bin/env bats
# also: 6.12 slow
# Generic resources of real jobs: what they are told, and that who has a device keeps it over a restart.

load ../cli/helper

setup() { start_real --shared-cpus 1 --gres gpu:a100:2,gpu:v100:1,fpga:1 --licenses matlab:2; }
teardown() {
    stop_real
    rm -f "/dev/mscg-test-$$-"[0-2]
}

is() { [ "$(field "$1" state)" = "$2" ]; }

@test "the environment: which GPUs are its own, and none for who asked for none" {
    vars='echo "${CUDA_VISIBLE_DEVICES-unset} ${CUDA_DEVICE_ORDER-unset} ${ROCR_VISIBLE_DEVICES-unset} ${GPU_DEVICE_ORDINAL-unset} ${MSCG_JOB_GPUS-unset} ${SLURM_GPUS_ON_NODE-unset}"'
    export CUDA_VISIBLE_DEVICES=7
    same "0,1,2 PCI_BUS_ID 0,1,2 0,1,2 0,1,2 3" "$(mscg run --gpus 3 "$vars")"
    same "2 PCI_BUS_ID 2 2 2 1" "$(mscg run --gpus v100:1 "$vars")"
    same " PCI_BUS_ID   unset unset" "$(mscg run "$vars")"
    kill_daemon
    start_real
    same "7 unset unset unset unset unset" "$(mscg run "$vars")"
}

@test "over a restart jobs keep their devices, also the suspended one, and what waits goes on waiting" {
    q="--cpu-mode quota --cpus 0.2 --mem 16M"
    mscg submit $q -J one --gpus a100:1 -L matlab:2 sleep 60
    mscg submit $q -J two --gpus a100:1 sleep 60
    mscg submit $q -J three --gres fpga sleep 60
    for j in 1 2 3; do within 20 is $j RUNNING; done
    mscg submit $q --gpus a100:1 sleep 60
    mscg submit $q --gpus v100:1 -L matlab sleep 60
    mscg suspend 2
    within 10 is 2 SUSPENDED
    before=$(for j in 1 2 3 4 5; do field $j gres_granted; field $j reason; done)
    same "gpu:1(IDX:0) license:matlab:2" "$(field 1 gres_granted)"
    kill_daemon
    start_real --shared-cpus 1 --gres gpu:a100:2,gpu:v100:1,fpga:1 --licenses matlab:2
    same "$before" "$(for j in 1 2 3 4 5; do field $j gres_granted; field $j reason; done)"
    mscg fsck
    mscg cancel 1
    within 20 is 4 RUNNING
    within 20 is 5 RUNNING
    same "gpu:1(IDX:0)" "$(field 4 gres_granted)"
    same "gpu:1(IDX:2) license:matlab:1" "$(field 5 gres_granted)"
    same "SUSPENDED gpu:1(IDX:1)" "$(field 2 state) $(field 2 gres_granted)"
}

@test "fewer than before: who has them keeps them, nobody else gets them" {
    q="--cpu-mode quota --cpus 0.2 --mem 16M"
    mscg submit $q --gpus 3 -L matlab:2 sleep 60
    mscg submit $q --gpus 1 sleep 60
    within 20 is 1 RUNNING
    kill_daemon
    start_real --shared-cpus 1 --gres gpu:a100:1 --licenses matlab:1
    same "RUNNING gpu:3(IDX:0-2) license:matlab:2" "$(field 1 state) $(field 1 gres_granted)"
    same "PENDING needs 1 of gpu, 0 of 1 are free" "$(field 2 state) $(field 2 reason_text)"
    fails 1 mscg submit $q --gpus 2 true
    says "needs 2 of gpu, this machine has 1"
    mscg cancel 1
    within 20 is 2 RUNNING
    same "gpu:1(IDX:0)" "$(field 2 gres_granted)"
}

# Nodes of /dev/zero, /dev/full and /dev/null stand in for those of GPUs.
@test "in its own /dev a job has the nodes of its devices, and of nobody else's" {
    a=/dev/mscg-test-$$-
    mknod -m 666 "${a}0" c 1 5
    mknod -m 666 "${a}1" c 1 7
    mknod -m 666 "${a}2" c 1 3
    printf 'Name=gpu Type=zero File=%s0\nName=gpu Type=full File=%s1\nName=fpga File=%s2\n' $a $a $a >nodes
    kill_daemon
    start_real --gres-config "$room/nodes"
    see='cd /dev; ls | grep mscg-test; echo "$CUDA_VISIBLE_DEVICES/$SLURM_JOB_GPUS"'
    same "mscg-test-$$-1
0/1" "$(mscg run --isolate default --gpus full:1 "$see")"
    same "2" "$(mscg run --isolate default --gpus full:1 "head -c 2 ${a}1 | wc -c")"
    same "mscg-test-$$-0
mscg-test-$$-1
mscg-test-$$-2
0,1/0,1" "$(mscg run --isolate default --gpus 2 --gres fpga "$see")"
    same "/" "$(mscg run --isolate default "$see")"
    same "mscg-test-$$-2
/" "$(mscg run -D / --isolate strict --gres fpga "$see")"
    # without mounts of its own it sees the machine's, and may open its own, which a driver numbers from 0
    same "0/1" "$(mscg run --isolate none --gpus full:1 "$see" | tail -1)"
    rm "${a}1" # a driver that went away
    same "0/1" "$(mscg run --isolate default --gpus full:1 "$see")"
}
