#!/usr/bin/env bats
# Batch scripts: which files are taken for one, and what their directives say.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

# job LINE...: writes job.sh with these lines behind #!/bin/sh
job() { printf '%s\n' '#!/bin/sh' "$@" >job.sh; }

@test "directives are read, the command line wins over #MSCG, #MSCG over #SBATCH" {
    job '#MSCG --cpus=2 --mem=1GB' '#SBATCH -c 3 --priority 7 -J fromslurm' '#MSCG -J "two words"' true
    mscg submit job.sh
    same "2 1073741824 7 two words" "$(field 1 cpus) $(field 1 mem_bytes) $(field 1 priority) $(field 1 name)"
    mscg submit --cpus 1 --job-name mine job.sh
    same "1 1073741824 mine" "$(field 2 cpus) $(field 2 mem_bytes) $(field 2 name)"
}

@test "words behind the script are its arguments" {
    job '#MSCG -c 1' 'echo "$@"'
    mscg submit job.sh -c 2 'b c'
    same '["job.sh", "-c", "2", "b c"]' "$(field 1 argv)"
    same 1 "$(field 1 cpus)"
    same job.sh "$(field 1 name)"
}

@test "only leading comments count" {
    job '' '# a comment' '##MSCG -c 2' '# MSCG -c 2' '#MSCGx -c 2' '   ' '#MSCG --priority 3' 'true' '#MSCG -c 4' '#SBATCH --nonsense'
    mscg submit job.sh
    same "1 3" "$(field 1 cpus) $(field 1 priority)"
}

@test "quotes and comments in directives" {
    job "#MSCG --comment 'it is # no comment' -J a\\ b # but this is --cpus 9" '#MSCG --job-name="c d"'
    mscg submit job.sh
    same "it is # no comment" "$(field 1 comment)"
    same "c d" "$(field 1 name)"
    same 1 "$(field 1 cpus)"
    job "#MSCG -J 'open"
    fails 2 mscg submit job.sh
    says "job.sh, line 2"
    says "not closed"
}

@test "a real #SBATCH header" {
    cat >real.sh <<'SCRIPT'
#!/bin/bash -l
#
#SBATCH --job-name=bert-pretrain
#SBATCH --partition=gpu-long
#SBATCH -A proj_1234
#SBATCH --qos=normal
#SBATCH -N 1
#SBATCH --ntasks=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G                 # per node
#SBATCH --time=2-00:00:00
#SBATCH --output=logs/%x-%j.out
#SBATCH --error=logs/%x-%j.err
#SBATCH --mail-type=END,FAIL
#SBATCH --mail-user someone@example.org
#SBATCH --exclusive
#SBATCH --get-user-env
#SBATCH --hint nomultithread
#SBATCH --export=ALL

module load cuda
srun python train.py
SCRIPT
    run mscg submit real.sh
    [ "$status" -eq 0 ] || { echo "$output"; false; }
    same "bert-pretrain gpu-long proj_1234 4 17179869184 172800" \
        "$(for k in name partition account cpus mem_bytes time_limit; do field 1 $k; done | paste -sd' ')"
    same "$room/logs/bert-pretrain-1.out" "$(field 1 stdout_path)"
    same normal "$(field 1 qos)"
    for option in --mail-type=END,FAIL --mail-user=someone@example.org --exclusive --get-user-env --hint=nomultithread; do
        [[ $output == *"warning: real.sh, line "*": $option is ignored: "* ]] || { echo "no warning about $option: $output"; false; }
    done
    [[ $output == *"real.sh, line 15: --mail-type"* ]]
}

@test "what would change the meaning of a script is refused" {
    for line in '-N 2' '--gpus-per-task=1' '--signal=B:USR9@60' '--begin=tomorrowish' '--nonsense' '-c zero'; do
        job "#SBATCH $line"
        fails 2 mscg submit job.sh
        says "job.sh, line 2"
    done
    job '#MSCG -c 2 true'
    fails 2 mscg submit job.sh
    says "'true' is no option"
    same 1 "$(mscg submit --parsable true)"
}

# asked WORD...: what a submission of these words would ask for
asked() {
    mscg submit --test-only --json "$@" | json '" ".join(["script" if "script" in j["jobs"][0] else "shell" if j["jobs"][0].get("shell") else "program"] + j["jobs"][0]["argv"])'
}

@test "a file that could not be executed is a script without a directive too" {
    printf '#!/bin/sh\nexit 5\n' >plain.sh
    same "script ./plain.sh" "$(asked ./plain.sh)"
    same "script plain.sh x" "$(asked plain.sh x)"
    chmod +x plain.sh
    same "script plain.sh" "$(asked plain.sh)"
    same "shell ./plain.sh" "$(asked ./plain.sh)"
    same "program ./plain.sh x" "$(asked ./plain.sh x)"
    same "shell plain.sh" "$(PATH=$PATH:$room asked plain.sh)"
    same "shell plain.sh" "$(PATH=$PATH: asked plain.sh)"
}

@test "options without an interpreter are not run over, whether the file may be executed or not" {
    printf '#SBATCH -c 2\necho hi\n' >no.sh
    for mode in -x +x; do
        chmod $mode no.sh
        for words in ./no.sh "./no.sh x" no.sh; do
            fails 2 mscg submit $words
            says "no.sh has no #! line: expected a script that begins with its interpreter"
        done
    done
    # Behind the first command they are comments, and in what is no text nothing.
    printf 'echo hi\n#SBATCH -c 2\n' >no.sh
    same "shell ./no.sh" "$(asked ./no.sh)"
    printf '#MSCG -c 2\n\0' >no.sh
    same "shell ./no.sh" "$(asked ./no.sh)"
}

@test "a file that could be run in no way is refused, with what would be right" {
    echo 'echo no interpreter' >plain.txt
    fails 2 mscg submit plain.txt
    says "plain.txt has no #! line"
    says "#!/bin/sh"
    fails 2 mscg submit ./plain.txt x
    says "has no #! line"
    : >empty.sh
    fails 2 mscg submit empty.sh
    says "has no #! line"
    cp /bin/true a.out
    fails 2 mscg submit a.out
    says "./a.out"
    chmod -x a.out
    fails 2 mscg submit ./a.out
    says "chmod +x"
    echo '{"jobs": [{"name": "a", "command": ["plain.txt", "x"]}]}' >p.json
    fails 2 mscg submit --file p.json
    says "job 'a': the file plain.txt has no #! line"
    # The positive control: what is no file of this directory, and what may be executed, are commands.
    chmod +x a.out
    : >true
    for word in ./a.out /bin/true true "true x" nosuch; do same "shell $word" "$(asked "$word")"; done
    mkdir sub
    same "shell plain.txt" "$(asked -D sub plain.txt)"
    same "shell ./sub" "$(asked ./sub)"
}

@test "a file without a directive is a command, and a script with --script" {
    printf '#!/bin/sh\nexit 5\n' >plain.sh
    chmod +x plain.sh
    mscg submit ./plain.sh
    same "./plain.sh" "$(field 1 command)"
    same '["./plain.sh"]' "$(field 1 argv)"
    mscg submit --script plain.sh x
    same '["plain.sh", "x"]' "$(field 2 argv)"
    echo 'echo no interpreter' >other.txt
    fails 2 mscg submit --script other.txt
    says "expected #!"
    fails 2 mscg submit --script nosuch.sh
    says "nosuch.sh"
}

@test "from standard input" {
    printf '#!/bin/sh\n#MSCG -c 2\ntrue\n' >in.sh
    mscg submit <in.sh
    mscg submit - a <in.sh
    mscg submit -c 3 <in.sh
    cat in.sh | mscg submit
    same "2 2 3 2" "$(for j in 1 2 3 4; do field $j cpus; done | paste -sd' ')"
    same '["stdin", "a"]' "$(field 2 argv)"
    fails 2 mscg submit -
    says "expected #!"
}

@test "a script is read when it is submitted" {
    job '#MSCG -J first'
    mscg drain
    mscg submit job.sh
    rm job.sh
    mscg drain --undo
    mscg wait 1
}

@test "scripts that cannot be" {
    printf '#!/bin/sh\r\n#MSCG -c 2\r\ntrue\r\n' >dos.sh
    fails 2 mscg submit dos.sh
    says "DOS"
    printf '#!/bin/sh\n#MSCG -c 2\n\0\n' >nul.sh
    fails 2 mscg submit nul.sh
    says "NUL"
    { printf '#!/bin/sh\n#MSCG -c 2\n'; head -c 1000000 /dev/zero | tr '\0' '#'; } >big.sh
    fails 1 mscg submit big.sh || fails 2 mscg submit big.sh
    says "900 KiB"
    printf '#!/bin/sh\n#MSCG -c 2\necho \xff\n' >latin.sh
    fails 2 mscg submit latin.sh
    says "not UTF-8"
    mkdir dir.sh
    fails 1 mscg submit --script dir.sh || fails 2 mscg submit --script dir.sh
    says "dir.sh"
    { printf '#!/bin/sh\n#MSCG -c 2\n'; head -c 800000 /dev/zero | tr '\0' '#'; } >large.sh
    same 1 "$(mscg submit --parsable --export=NONE large.sh)"
}
