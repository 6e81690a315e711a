#!/usr/bin/env bats
# --topology-config: which cores are close, in Slurm's syntax.

load helper

setup() {
    make_room
    cat >topology.conf <<'END'
# two racks of two leaf switches
TopologyPlugin=topology/tree
SwitchName=leaf1 Nodes=node[1-4]
SwitchName=leaf2 Nodes=node[5-8]
SwitchName=leaf3 Nodes=node[09-12]
SwitchName=leaf4 Nodes=node[13-15],node16
SwitchName=rack1 \
    Switches=leaf[1-2]
SwitchName=rack2 Switches=leaf[3-4]
SwitchName=spine Switches=rack[1-2]
END
}
teardown() { stop_daemon; }

# where JOB: its nodes and switches as show has them
where() { mscg show "$1" | sed -nE 's/^  (Nodes|Switches): +//p' | paste -sd ';'; }

# runs JOB
runs() { [ "$(field "$1" state)" = RUNNING ]; }

@test "a job is below one leaf if that is enough, else below the lowest switch that is" {
    start_daemon --total-cpus 16 --topology-config topology.conf
    for cpus in 3 2 4 5; do mscg submit -c $cpus --mem 100M sleep 60; done
    within 5 runs 4
    same "node[1-3];leaf1" "$(where 1)"
    same "node[5-6];leaf2" "$(where 2)"
    same "node[9-12];leaf3" "$(where 3)"
    same "node[4,13-16];leaf1,leaf4, below spine" "$(where 4)"
    same '["leaf1", "leaf4"]' "$(mscg show --json 4 | json 'j["switches"]')"
    same "spine node[4,13-16]" "$(mscg show --json 4 | json '"%s %s" % (j["common_switch"], j["nodes"])')"
    mscg cancel 1 4
    mscg resize 2 --cpus 7
    grown() { [ "$(where 2)" = "node[1-3,5-8];leaf1,leaf2, below rack1" ]; }
    within 5 grown
    mscg cancel 2
    gone() { [ "$(where 2)" = "" ]; }
    within 5 gone
}

@test "what is in force is told" {
    start_daemon --total-cpus 16 --topology-config topology.conf
    [[ $(mscg stats) == *"  Topology:       16 nodes below 7 switches in 3 levels, from $room/topology.conf"* ]]
    [[ $(mscg config) == *"topology-config = $room/topology.conf # command line"* ]]
    grep -q "topology: 16 nodes below 7 switches" daemon.log
}

@test "without a file nothing is said of nodes and switches" {
    start_daemon
    mscg submit sleep 60
    within 5 runs 1
    same "" "$(where 1)"
    same null "$(mscg show --json 1 | json 'j["switches"]')"
    [[ $(mscg stats) != *Topology* ]]
}

@test "default: four nodes a leaf" {
    start_daemon --total-cpus 6 --topology-config default
    mscg submit -c 2 --mem 100M sleep 60
    mscg submit -c 3 --mem 100M sleep 60
    within 5 runs 2
    same "node[5-6];leaf2" "$(where 1)"
    same "node[1-3];leaf1" "$(where 2)"
}

@test "a file that is wrong: with line and column, at the start and at a reload" {
    sed -i 's/^SwitchName=leaf2.*/SwitchName=leaf2 Nodes=node[5-8,17]/' topology.conf
    launch_daemon --total-cpus 16 --topology-config topology.conf
    status=0
    wait "$daemon_pid" || status=$?
    daemon_pid=
    same 2 "$status"
    same "mscgd: $room/topology.conf:4:33: this machine has no node17: expected node1 to node16, one for each of its cores" \
        "$(tail -1 daemon.log)"
    sed -i 's/,17//' topology.conf
    start_daemon --total-cpus 16 --topology-config topology.conf
    mscg submit -c 4 --mem 100M sleep 60
    within 5 runs 1
    cp topology.conf good.conf
    sed -i 's/Nodes=node\[5-8\]/Nodes=node[5-8/' topology.conf
    kill -HUP "$daemon_pid"
    refused() { grep -q "configuration not reloaded: $room/topology.conf:4:28: '\[' without an end" daemon.log; }
    within 5 refused
    same "node[1-4];leaf1" "$(where 1)"
    sed 's/leaf1/first/; s/leaf\[1-2\]/first,leaf2/' good.conf >topology.conf
    kill -HUP "$daemon_pid"
    renamed() { [ "$(where 1)" = "node[1-4];first" ]; }
    within 5 renamed
}
