#!/usr/bin/env bats
# Generic resources and licenses: --gpus, --gres, --licenses.

load helper

setup() { start_daemon --gres gpu:a100:2,gpu:v100:1,fpga:2 --licenses matlab:4,ansys:1; }
teardown() { stop_daemon; }

is() { [ "$(field "$1" state)" = "$2" ]; }

@test "which devices a job has: show, queue, stats, events, JSON" {
    mscg submit --gpus 1 sleep 60
    mscg submit --gres gpu:v100:1,fpga:1 -L matlab:3 sleep 60
    mscg submit -G a100:1 sleep 60
    within 10 is 3 RUNNING
    same "gpu:1(IDX:0)" "$(field 1 gres_granted)"
    same "fpga:1,gpu:v100:1,license:matlab:3" "$(field 2 gres)"
    same "fpga:1 gpu:1(IDX:2) license:matlab:3" "$(field 2 gres_granted)"
    same "gpu:1(IDX:1)" "$(field 3 gres_granted)"
    same "1 [1]" "$(field 3 gpus) $(field 3 gpu_ids)"
    mscg show 2 | grep -qE '^ +GRES: +fpga:1 gpu:1\(IDX:2\) license:matlab:3$'
    same "gpu:1(IDX:1)" "$(mscg queue --noheader --jobs 3 --format=%b)"
    mscg events 2 | grep -q 'granted .*gres=fpga:1 gpu:1(IDX:2) license:matlab:3'
    mscg stats >out
    grep -qx '  gpu:            3 of 3 used' out
    grep -qx '  gpu:v100:       1 of 1 used' out
    grep -qx '  fpga:           1 of 2 used' out
    grep -qx '  license:matlab: 3 of 4 used' out
    mscg stats --json | grep -q '"free_ids": ""'
    mscg cancel 1
    within 10 is 1 CANCELLED
    mscg stats | grep -qx '  gpu:a100:       1 of 2 used (free: 0)'
    same "null" "$(field 1 gres_granted)"
}

@test "what is not there is waited for, and given to nobody twice" {
    mscg submit --gpus 3 sleep 60
    mscg submit --gpus 1 sleep 60
    mscg submit -L ansys sleep 60
    mscg submit -L ansys:1 sleep 60
    mscg submit sleep 60
    within 10 is 5 RUNNING
    same "PENDING Resources needs 1 of gpu, 0 of 3 are free" "$(field 2 state) $(field 2 reason) $(field 2 reason_text)"
    same "PENDING Licenses needs 1 licenses of ansys, 0 of 1 are free" "$(field 4 state) $(field 4 reason) $(field 4 reason_text)"
    mscg cancel 1 3
    within 10 is 2 RUNNING
    within 10 is 4 RUNNING
}

@test "arrays: as many tasks as there are devices" {
    mscg submit -a 0-5 --gpus 1 sleep 60
    within 10 is 1_2 RUNNING
    same "3" "$(for t in 0 1 2; do field 1_$t gres_granted; done | sort -u | wc -l)"
    same "PENDING Resources" "$(field 1 state) $(field 1 reason)"
    freed=$(field 1_1 gres_granted)
    mscg cancel 1_1
    within 10 is 1_3 RUNNING
    same "$freed" "$(field 1_3 gres_granted)"
}

@test "suspended jobs keep their devices, requeued ones give them back" {
    mscg submit -J first --gpus 3 sleep 60
    mscg submit --gpus 1 sleep 60
    within 10 is 1 RUNNING
    mscg suspend 1
    within 10 is 1 SUSPENDED
    same "PENDING Resources" "$(field 2 state) $(field 2 reason)"
    same "gpu:3(IDX:0-2)" "$(field 1 gres_granted)"
    mscg resume 1
    within 10 is 1 RUNNING
    mscg update 2 --priority 5
    mscg requeue 1
    within 10 is 2 RUNNING
    same "PENDING" "$(field 1 state)"
}

@test "refused at once, with what would be right" {
    fails 1 mscg submit --gpus 4 true
    says "needs 4 of gpu, this machine has 3"
    fails 1 mscg submit --gpus v100:2 true
    says "needs 2 of gpu:v100, this machine has 1"
    fails 1 mscg submit --gres tpu:1 true
    says "needs tpu, which this machine does not have; it has gpu, gpu:a100, gpu:v100, fpga"
    fails 1 mscg submit -L maple:1 true
    says "needs licenses of maple, which this machine does not have; it has matlab, ansys"
    fails 1 mscg submit -L matlab:5 true
    says "needs 5 of matlab, this machine has 4"
    for wrong in "gpu:0" "gpu:-1" ":2" "gpu:a100:x" "gpu:a:b:1" "gpu,,fpga" "gpu:9999999" "license:2"; do
        fails 2 mscg submit --gres "$wrong" true
        says "'${wrong}': expected NAME:N or NAME:TYPE:N"
    done
    fails 2 mscg submit --gpus 1 --gres gpu:1 true
    says "expected GPUs in one of them"
    mscg submit --gpus 3 --gres none -L matlab:4 true
    within 10 is 1 COMPLETED
}

@test "a machine without any: jobs are told so" {
    stop_daemon
    start_daemon
    fails 1 mscg submit --gpus 1 true
    says "needs gpu, which this machine does not have; it has none"
}

@test "settings that are wrong" {
    for wrong in "gpu:65" "gpu:0" "gpu:a100:60,gpu:v100:5" "license:matlab:2" "fpga:x:y:1"; do
        fails 2 mscgd --engine=fake --state-dir "$room/other" --socket "$room/s2" --runtime-dir "$room/r2" --gres "$wrong" || return 1
        says "expected"
    done
}

@test "from a file like gres.conf: devices with their files, and the CPUs that are close" {
    cat >gres.conf <<'CONF'
# four of one kind, and something that is counted
Name=gpu Type=a100 File=/dev/null,/dev/zero Cores=0-1   # the first node
NodeName=here Name=gpu Type=v100 File=/dev/full Cores=2-3 Links=-1,0
Name=fpga Count=2
CONF
    kill_daemon
    start_daemon --gres-config "$room/gres.conf" --gres cards:1
    mscg submit --gpus v100:1 -c 2 sleep 60
    mscg submit --gpus 1 -c 1 sleep 60
    mscg submit --gres gpu:a100:1,fpga:2,cards:1 -c 1 sleep 60
    within 10 is 3 RUNNING
    same "gpu:1(IDX:2) 2-3" "$(field 1 gres_granted) $(field 1 cpuset)"
    same "gpu:1(IDX:0) 0" "$(field 2 gres_granted) $(field 2 cpuset)"
    same "cards:1 fpga:2 gpu:1(IDX:1) 1" "$(field 3 gres_granted) $(field 3 cpuset)"
}

@test "a file that is wrong is refused with its line" {
    refused() { # TEXT SAYS
        printf '# x\n%b\n' "$1" >wrong
        fails 2 mscgd --engine=fake --state-dir "$room/other" --socket "$room/s2" --runtime-dir "$room/r2" --gres-config wrong
        says "$2"
    }
    refused "Name" "wrong:2: 'Name': expected KEY=VALUE"
    refused "Name=gpu Files=/dev/null" "wrong:2: unknown key 'Files': expected Name, Type, File, Count or Cores"
    refused "Name=gpu Name=gpu" "wrong:2: Name twice"
    refused "Type=a100" "wrong:2: no Name"
    refused "Name=gpu File=/dev/nvidia99" "wrong:2: File=/dev/nvidia99: No such file"
    refused "Name=gpu File=/etc/passwd" "wrong:2: File=/etc/passwd is not below /dev"
    refused "Name=gpu File=/dev/shm" "wrong:2: File=/dev/shm is no character device"
    refused "Name=gpu File=/dev/tty[x]" "expected numbers, as [0-3,5]"
    refused "Name=gpu File=/dev/tty[1" "expected ']'"
    refused "Name=gpu File=/dev/null\nName=gpu File=/dev/null" "wrong:3: File=/dev/null is there already"
    refused "Name=gpu File=/dev/null Count=2" "wrong:2: Count=2 and 1 files"
    refused "Name=gpu Cores=a" "wrong:2: Cores=a: expected numbers of CPUs"
    refused "Name=gpu Count=65" "wrong:2: Count=65: expected 64 GPUs at most"
    refused "Name=license Type=x" "is no name of a resource"
    refused "Name=fpga Count=2\nName=fpga File=/dev/null" "fpga: some with a file and some without"
    fails 1 mscgd --engine=fake --state-dir "$room/other" --socket "$room/s2" --runtime-dir "$room/r2" --gres-config "$room/none"
    says "cannot read"
}

# NVIDIA's library needs its GPUs: a small one of the same interface stands in for it here.
@test "found by NVML's interface: types, order, CPUs that are close; and a library that is of no use" {
    cat >nvml.c <<'C'
#include <stdio.h>
#include <string.h>
static const char *const names[] = {"NVIDIA A100-SXM4-80GB", "NVIDIA A100-SXM4-80GB", "NVIDIA GeForce RTX 4090", "NVIDIA H200"};
int nvmlInit_v2(void) { return FAIL; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 4; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) { *d = (void *)(unsigned long)(i + 1); return 0; }
int nvmlDeviceGetName(void *d, char *s, unsigned n) { snprintf(s, n, "%s", names[(unsigned long)d - 1]); return 0; }
int nvmlDeviceGetMinorNumber(void *d, unsigned *m) { *m = (unsigned)(unsigned long)d - 1; return 0; }
int nvmlDeviceGetCpuAffinity(void *d, unsigned words, unsigned long *cpus)
{
    memset(cpus, 0, words * sizeof *cpus);
    cpus[0] = (unsigned long)d < 3 ? 3 : 12;
    return 0;
}
const char *nvmlErrorString(int r) { return r == 15 ? "GPU is lost" : "?"; }
C
    ${CC:-cc} -shared -fPIC -DFAIL=0 -o good.so nvml.c
    ${CC:-cc} -shared -fPIC -DFAIL=15 -o bad.so nvml.c
    ${CC:-cc} -shared -fPIC -xc -o none.so /dev/null
    with() { kill_daemon; : >daemon.log; start_daemon "$@"; }
    with --nvml-library "$room/good.so"
    mscg stats >out
    for line in "gpu: 0 of 4 used (free: 0,1,2,3)" "gpu:a100: 0 of 2 used (free: 0,1)" "gpu:rtx4090: 0 of 1 used (free: 2)" "gpu:h200: 0 of 1 used (free: 3)"; do
        tr -s ' ' <out | grep -qxF " $line"
    done
    mscg submit --gpus h200:1 -c 1 sleep 60
    within 10 is 1 RUNNING
    same "gpu:1(IDX:3) 2" "$(field 1 gres_granted) $(field 1 cpuset)"
    with --nvml-library "$room/good.so" --gpu-detect off
    fails 1 mscg submit --gpus 1 true
    with --nvml-library "$room/good.so" --gres gpu:2
    fails 1 mscg submit --gpus 3 true
    says "needs 3 of gpu, this machine has 2"
    with --nvml-library "$room/bad.so"
    grep -q 'no GPUs are given out: NVML: GPU is lost' daemon.log
    with --nvml-library "$room/none.so"
    grep -q 'no GPUs are given out: .*none.so has no nvmlInit_v2: expected a newer one' daemon.log
    with --nvml-library "$room/missing.so"
    grep -q 'no GPUs are given out: .*missing.so: cannot open' daemon.log
    fails 1 mscg submit --gpus 1 true
    says "needs gpu, which this machine does not have"
}
