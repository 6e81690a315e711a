#!/usr/bin/env bats
# timeout: 300
# The manual: every verb, option, setting and key of JSON has its entry, and roff has nothing to complain about.

load helper

setup() {
    make_room
    man=$BATS_TEST_DIRNAME/../../docs/man
}
teardown() { stop_daemon; }

@test "the pages are what the programs say of themselves" {
    "$man/update" --check "$(dirname "$(command -v mscg)")"
}

@test "options without a value have their text below them" {
    grep -A1 -F '\fB\-\-allow\-root\-jobs\fR' "$man/mscgd.8" | tail -n 1 | grep -qx 'let root submit jobs.*'
}

@test "a page that is old, or missing, is found" {
    cp -r "$man" pages
    build=$(dirname "$(command -v mscg)")
    pages/update --check "$build"
    sed -i '/^\\fB\\-\\-grace/d' pages/mscg-submit.1
    run pages/update --check "$build"
    [ "$status" -eq 1 ]
    [[ $output == *"mscg-submit.1 is not up to date"* ]]
    pages/update "$build"
    pages/update --check "$build"
    # What is written by hand is kept.
    grep -q '^.SH BATCH SCRIPTS' pages/mscg-submit.1
    rm pages/mscg-wait.1
    run pages/update --check "$build"
    [ "$status" -eq 1 ]
    touch pages/mscg-wait.1 pages/mscg-nothing.1
    run pages/update --check "$build"
    [[ $output == *"mscg-nothing.1 is of no verb"* ]]
}

@test "every verb has a page with its options" {
    for verb in $(mscg --help | sed -n 's/^    \([a-z]*\)  .*/\1/p'); do
        [ -s "$man/mscg-$verb.1" ] || { echo "$verb"; false; }
        grep -q "mscg.-$verb" "$man/mscg.1" || { echo "$verb"; false; }
        [ "$verb" = scheduler ] && continue
        for option in $(mscg "$verb" --help | sed -nE 's/^  (-., )?--([a-z0-9-]+).*/\2/p'); do
            grep -qE "^(.fB.-.{1}.fR, )?.fB.-.-${option//-/.-}.fR" "$man/mscg-$verb.1" || { echo "$verb --$option"; false; }
        done
    done
}

@test "every setting has its entry in mscg.conf(5) and mscgd(8)" {
    for name in $(mscgd --help | sed -nE 's/^  --([a-z-]+).*/\1/p'); do
        grep -qF "\\fB\\-\\-${name//-/\\-}\\fR" "$man/mscgd.8" || { echo "mscgd.8: $name"; false; }
        case $name in config | once | help | version) continue ;; esac
        grep -qF ".BI ${name//-/\\-}=" "$man/mscg.conf.5" || { echo "mscg.conf.5: $name"; false; }
    done
}

@test "mscg-json(5) has the keys of the interface, no more and no fewer" {
    "$python" - "$BATS_TEST_DIRNAME/../../src/wire/io.mscg.varlink" "$man/mscg-json.5" <<'PY'
import re, sys
interface = re.sub(r"#.*", "", open(sys.argv[1]).read())
page = open(sys.argv[2]).read()
for name in "Job", "Accounting", "Live", "Event", "Totals", "Setting", "Qos", "Partition", "Submitted":
    body = re.search(r"type %s\s*\(([^\n]*)\)\n|type %s\s*\((.*?)\n\)" % (name, name), interface, re.S)
    want = set(re.findall(r"(\w+)\s*:", body[1] or body[2]))
    section = page.split('.SH "OBJECT %s"' % name)[1].split("\n.SH")[0]
    have = set(re.findall(r"^\\fB(\w+)\\fR \(", section, re.M))
    assert want == have, (name, want ^ have)
PY
}

@test "roff has nothing to complain about" {
    command -v man
    for page in "$man"/*.[1-8]; do
        LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" >text 2>warnings
        [ ! -s warnings ] || { echo "$page"; cat warnings; false; }
        grep -q . text
    done
}

@test "the page of a verb that there is not" {
    run mscg __man nothing
    [ "$status" -eq 2 ]
}
