/* Topology files: what they say, and what is wrong with one, by line and column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/daemon/topology.h"

#define RACKS                                                                      \
	"# two racks\n"                                                            \
	"TopologyPlugin=topology/tree\n"                                           \
	"SwitchName=leaf1 Nodes=node[1-2]\n"                                       \
	"switchname=leaf2  LinkSpeed=1000 NODES = \"node[3,04]\" # two more\r\n"   \
	"\n"                                                                       \
	"SwitchName=leaf3 Nodes=node5,node6\n"                                     \
	"SwitchName=leaf4 Nodes=node[7\\\n-8]\n"                                   \
	"SwitchName=top \\\r\n"                                                    \
	"\tSwitches=rack[1-2]\n"                                                   \
	"SwitchName=rack1 Switches=leaf[1-2]\n"                                    \
	"SwitchName=rack2 Switches=leaf3,leaf4"

static struct topology *parse(const char *text, uint32_t nodes)
{
	struct topology *t;
	struct mscg_error error = {0};

	if (topology_parse("T", text, strlen(text), nodes, &t, &error) < 0)
		fail_msg("%s", error.text);
	return t;
}

static void test_tree(void **state)
{
	static const char *const leaves[] = {"leaf1", "leaf1", "leaf2", "leaf2", "leaf3", "leaf3", "leaf4", "leaf4"};
	struct topology *t = parse(RACKS, 8);
	char *text;

	(void)state;
	assert_int_equal(t->n, 7);
	for (unsigned i = 0; i < 8; i++)
		assert_string_equal(t->names[t->leaf[i]], leaves[i]);
	for (unsigned s = 0; s < t->n; s++)
		assert_string_equal(t->names[t->switches[s].up], strcmp(t->names[s], "leaf3") < 0  ? "rack1"
		                                                 : strcmp(t->names[s], "leaf9") < 0 ? "rack2"
		                                                                                    : "top");
	text = topology_describe(t);
	assert_string_equal(text, "8 nodes below 7 switches in 3 levels, from T");
	free(text);
	topology_free(t);

	t = parse("SwitchName=a Nodes=node1", 1);
	assert_int_equal(t->switches[0].up, 0);
	topology_free(t);
	/* The width of the first number is that of all. */
	t = parse("SwitchName=s09x Nodes=node1\nSwitchName=s10x Nodes=node2\nSwitchName=s Switches=s[09-10]x", 2);
	assert_int_equal(t->switches[0].up, 2);
	assert_int_equal(t->switches[1].up, 2);
	topology_free(t);
}

static void test_own(void **state)
{
	(void)state;
	assert_null(parse("TopologyPlugin=topology/flat\n", 8));
	assert_null(parse("topologyplugin=TOPOLOGY/NONE\nSwitchName=a Nodes=node99\n", 8)); /* not looked at */
	assert_null(parse("TopologyPlugin=topology/default", 8));
}

#define ONE "SwitchName=a Nodes=node[1-8]\n"
#define TWO "SwitchName=a Nodes=node[1-4]\nSwitchName=b Nodes=node[5-8]\n"
#define KEYS_EXPECTED ": expected TopologyPlugin, SwitchName, Nodes, Switches or LinkSpeed"

/* A machine of eight nodes. */
static const struct {
	const char *text, *expected;
} wrong[] = {
	{"", "T:1:1: nothing is said here: expected TopologyPlugin and SwitchName lines"},
	{"# only this\n\n", "T:1:1: nothing is said here: expected TopologyPlugin and SwitchName lines"},
	{"TopologyPlugin=topology/tree\n", "T:1:16: a tree without switches: expected SwitchName lines"},
	{"TopologyPlugin=topology/block\n", "T:1:16: TopologyPlugin 'topology/block': expected topology/tree, or topology/flat for the machine's own"},
	{"TopologyPlugin=topology/tree\n" ONE "TopologyPlugin=topology/flat\n", "T:3:16: TopologyPlugin is said already, on line 1"},
	{"TopologyPlugin=topology/tree SwitchName=a\n", "T:1:41: 'SwitchName' behind TopologyPlugin: expected it on a line of its own"},
	{ONE "Nodez=node1\n", "T:2:1: unknown key 'Nodez'" KEYS_EXPECTED},
	{"SwitchName=a Node=node1\n", "T:1:14: unknown key 'Node'" KEYS_EXPECTED},
	{"SwitchName=a\\\n Node=node1\n", "T:2:2: unknown key 'Node'" KEYS_EXPECTED},
	{"SwitchName = a\n\n  = b\n", "T:1:14: switch 'a' has nothing below it: expected Nodes=... or Switches=..."},
	{ONE "\n  = b\n", "T:3:3: expected KEY=VALUE here"},
	{ONE "SwitchName b\n", "T:2:11: expected '=' behind 'SwitchName'"},
	{"SwitchName=\n", "T:1:12: 'SwitchName' has no value"},
	{"SwitchName=a Nodes=\"\"\n", "T:1:21: 'Nodes' has no value"},
	{"SwitchName=a Nodes=\"node1\nSwitchName=b Nodes=\"node2\"\n", "T:1:20: '\"' without an end: expected another '\"' on the line"},
	{"SwitchName=a Nodes=node1 Nodes=node2\n", "T:1:26: 'Nodes' stands twice on this line"},
	{"SwitchName=a\n", "T:1:12: switch 'a' has nothing below it: expected Nodes=... or Switches=..."},
	{TWO "SwitchName=c Switches=a Nodes=node1\n", "T:3:31: switch 'c' has Nodes and Switches: expected one of them"},
	{"Nodes=node1\n", "T:1:1: a line without SwitchName: expected SwitchName=NAME and Nodes=... or Switches=..."},
	{"SwitchName=a/b Nodes=node1\n", "T:1:13: 'a/b' can not be a name: expected up to 64 letters, digits, '-', '_', '.'"},
	{TWO "SwitchName=a Switches=b\n", "T:3:12: switch 'a' is there already, on line 1"},
	{"SwitchName=a Nodes=node[1-9]\n", "T:1:25: this machine has no node9: expected node1 to node8, one for each of its cores"},
	{"SwitchName=a Nodes=node0\n", "T:1:20: this machine has no node0: expected node1 to node8, one for each of its cores"},
	{"SwitchName=a Nodes=node[1-3,4294967297]\n", "T:1:38: expected ',' or ']' behind a number of at most 9 digits"},
	{"SwitchName=a Nodes=node[1-4],gpu1\n", "T:1:30: this machine has no gpu1: expected node1 to node8, one for each of its cores"},
	{"SwitchName=a Nodes=node[1-4]b\n", "T:1:25: this machine has no node1b: expected node1 to node8, one for each of its cores"},
	{"SwitchName=a Nodes=node\n", "T:1:20: this machine has no node: expected node1 to node8, one for each of its cores"},
	{"SwitchName=a Nodes=n\n", "T:1:20: this machine has no n: expected node1 to node8, one for each of its cores"},
	{"SwitchName=a Nodes=node[1-4]\nSwitchName=b Nodes=node[5-7,4]\n", "T:2:29: node4 is below 'a' already, on line 1"},
	{"SwitchName=a Nodes=node[1-2\\\n,2]\n", "T:2:2: node2 is below 'a' already, on line 1"},
	{"SwitchName=a Nodes=node[1-4\n", "T:1:24: '[' without an end: expected ']' behind the numbers"},
	{"SwitchName=a Nodes=node[1-4 ]\n", "T:1:29: expected KEY=VALUE here"},
	{"SwitchName=a Nodes=node[]\n", "T:1:25: expected a number here, as in node[1-4,7]"},
	{"SwitchName=a Nodes=node[1-]\n", "T:1:27: expected a number here, as in node[1-4,7]"},
	{"SwitchName=a Nodes=node[1,,2]\n", "T:1:27: expected a number here, as in node[1-4,7]"},
	{"SwitchName=a Nodes=node[x]\n", "T:1:25: expected a number here, as in node[1-4,7]"},
	{"SwitchName=a Nodes=node[4-1]\n", "T:1:27: 4-1 runs backwards: expected the lower number first"},
	{"SwitchName=a Nodes=node[1-2-3]\n", "T:1:28: expected ',' or ']' behind a number of at most 9 digits"},
	{"SwitchName=a Nodes=node1,\n", "T:1:26: expected a name here"},
	{"SwitchName=a Nodes=node1;node2\n", "T:1:25: ';' can not stand here: expected ',' between names of letters, digits, '-', '_', '.'"},
	{"SwitchName=a Nodes=node[1][2]\n", "T:1:27: '[' can not stand here: expected ',' between names of letters, digits, '-', '_', '.'"},
	{TWO "SwitchName=c Switches=a,d\n", "T:3:25: no switch is named 'd': expected a SwitchName of another line"},
	{TWO "SwitchName=c Switches=A,b\n", "T:3:23: no switch is named 'A': expected a SwitchName of another line"},
	{TWO "SwitchName=c Switches=s[1-999999999]\n", "T:3:25: no switch is named 's1': expected a SwitchName of another line"},
	{TWO "SwitchName=c Switches=a,b,c\n", "T:3:27: switch 'c' is below itself"},
	{TWO "SwitchName=c Switches=a,b\nSwitchName=d Switches=b,c\n", "T:4:23: switch 'b' is below 'c' already, on line 3"},
	{ONE "SwitchName=b Switches=c\nSwitchName=c Switches=d\nSwitchName=d Switches=b\n",
	 "T:4:23: a circle: 'b' is below 'd', and that below it"},
	{TWO, "T:2:12: switch 'b' is below no other, like 'a' on line 1: expected one at the top"},
	{"SwitchName=a Nodes=node[1-7]\n", "T:1:20: node8 is below no switch: expected each of node1 to node8 in the Nodes of one"},
	{"SwitchName=a Nodes=node[1-2,7-8]\n", "T:1:20: node3 to node6 are below no switch: expected each of node1 to node8 in the Nodes of one"},
};

static void assert_wrong(const char *text, size_t size, const char *expected)
{
	struct mscg_error error = {0};
	struct topology *t;

	assert_int_equal(topology_parse("T", text, size, 8, &t, &error), -EINVAL);
	assert_null(t);
	assert_string_equal(error.text, expected);
}

static void test_wrong(void **state)
{
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_wrong(wrong[i].text, strlen(wrong[i].text), wrong[i].expected);
	assert_wrong(ONE "\0", sizeof ONE, "T:2:1: a NUL byte: expected text");

	buf_adds(&b, "SwitchName=s0 Nodes=node[1-8]\n");
	for (int i = 1; i <= TOPOLOGY_LEVELS_MAX; i++)
		buf_addf(&b, "SwitchName=s%d Switches=s%d\n", i, i - 1);
	assert_wrong(b.data, b.size, "T:1:12: more than 16 switches above each other: expected a tree with fewer levels");
	buf_free(&b);

	b = (struct buf){0};
	for (int i = 0; i <= TOPOLOGY_SWITCHES_MAX; i++)
		buf_addf(&b, "SwitchName=s%d Nodes=node1\n", i);
	assert_wrong(b.data, b.size, "T:8193:12: too many switches: expected at most 8192");
	buf_free(&b);

	b = (struct buf){0};
	buf_adds(&b, "SwitchName=");
	for (int i = 0; i < 65; i++)
		buf_addc(&b, 'a');
	buf_adds(&b, " Nodes=node1\n");
	assert_wrong(b.data, b.size, "T:1:76: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' can not be a name: expected up to 64 letters, digits, '-', '_', '.'");
	buf_free(&b);
}

static void test_file(void **state)
{
	char path[] = "/tmp/mscg-topology-XXXXXX", expected[128];
	int fd = mkstemp(path);
	struct topology *t = NULL;
	struct mscg_error error;

	(void)state;
	assert_int_equal(write(fd, ONE, sizeof ONE - 1), sizeof ONE - 1);
	assert_int_equal(topology_load(path, 8, &t, &error), 0);
	assert_int_equal(t->nodes, 8);
	topology_free(t);
	t = NULL;
	assert_int_equal(ftruncate(fd, TOPOLOGY_FILE_MAX + 1), 0);
	assert_int_equal(topology_load(path, 8, &t, &error), -EINVAL);
	snprintf(expected, sizeof expected, "topology %s has more than 1048576 bytes", path);
	assert_string_equal(error.text, expected);
	close(fd);
	unlink(path);
	assert_int_equal(topology_load(path, 8, &t, &error), -ENOENT);
	snprintf(expected, sizeof expected, "cannot read topology %s: No such file or directory", path);
	assert_string_equal(error.text, expected);
	assert_null(t);
}

static void test_default(void **state)
{
	struct topology *t;
	struct mscg_error error;

	(void)state;
	for (uint32_t nodes = 1; nodes <= 70; nodes++) {
		assert_int_equal(topology_load("default", nodes, &t, &error), 0);
		assert_int_equal(t->n, (nodes + 3) / 4 + 1);
		for (uint32_t i = 0; i < nodes; i++)
			assert_int_equal(t->leaf[i], i / 4);
		assert_string_equal(t->names[0], "leaf1");
		assert_string_equal(t->names[t->switches[0].up], "spine");
		topology_free(t);
	}
}

/* Eight cores of two threads each, as hwloc has them: CPU i and i + 8 are of one. */
static uint32_t make_cpus(struct core_cpu cpus[16])
{
	for (unsigned i = 0; i < 16; i++)
		cpus[i] = (struct core_cpu){.cpu = (uint16_t)(i / 2 + i % 2 * 8), .core = (uint16_t)(i / 2)};
	return 16;
}

static void assert_told(const struct topology *t, const char *cpus, const char *nodes, const char *leaves, const char *common)
{
	struct mscg_cpuset set;
	struct buf b = {0};
	const char *above = NULL;
	char *text, **names;

	assert_int_equal(mscg_cpuset_parse(cpus, &set, NULL), 0);
	text = topology_nodes(t, &set);
	assert_string_equal(text, nodes);
	names = topology_leaves(t, &set, &above);
	for (char **n = names; *n; n++)
		buf_addf(&b, "%s%s", n > names ? " " : "", *n);
	assert_string_equal(b.data, leaves);
	assert_string_equal(above, common);
	free(text);
	strv_free(names);
	buf_free(&b);
}

static void test_names(void **state)
{
	struct topology *t = parse(RACKS, 8);
	struct core_cpu cpus[16];
	struct mscg_cpuset without = {0};
	const char *common;
	uint32_t n = make_cpus(cpus);

	(void)state;
	assert_int_equal(topology_count_nodes(cpus, n), 8);
	assert_int_equal(topology_place(t, cpus, n, true, &without), 0);
	assert_string_equal(t->names[cpus[0].leaf], "leaf1");
	assert_string_equal(t->names[cpus[15].leaf], "leaf4");
	assert_told(t, "0", "node1", "leaf1", "leaf1");
	assert_told(t, "0,8", "node1", "leaf1", "leaf1");
	assert_told(t, "0-1", "node[1-2]", "leaf1", "leaf1");
	assert_told(t, "0,9,12", "node[1-2,5]", "leaf1 leaf3", "top");
	assert_told(t, "3,8", "node[1,4]", "leaf1 leaf2", "rack1");
	assert_told(t, "4-7", "node[5-8]", "leaf3 leaf4", "rack2");
	assert_told(t, "0-15", "node[1-8]", "leaf1 leaf2 leaf3 leaf4", "top");
	assert_null(topology_nodes(t, &without));
	assert_null(topology_leaves(t, &without, &common));
	topology_free(t);
}

/* CPUs that go and come back are the nodes that they were; others are none. */
static void test_hotplug(void **state)
{
	struct topology *t = parse(RACKS, 8);
	struct core_cpu cpus[16], more[3];
	struct mscg_cpuset without;
	uint32_t n = make_cpus(cpus);

	(void)state;
	assert_int_equal(topology_place(t, cpus, n, true, &without), 0);
	assert_int_equal(topology_place(t, cpus + 4, n - 4, false, &without), 0); /* node1 and node2 are gone */
	assert_string_equal(t->names[cpus[4].leaf], "leaf2");
	assert_told(t, "2", "node3", "leaf2", "leaf2");
	memcpy(more, cpus, 2 * sizeof *more);
	more[2] = (struct core_cpu){.cpu = 40, .core = 8};
	more[0].leaf = 99;
	assert_int_equal(topology_place(t, more, 3, false, &without), 1);
	assert_string_equal(t->names[more[0].leaf], "leaf1");
	assert_true(mscg_cpuset_has(&without, 40));
	assert_int_equal(mscg_cpuset_count(&without), 1);
	topology_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_hotplug),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
