/* A run as a picture: who held how many CPUs when. */
#include "sim.h"
#include "src/base/buf.h"

enum { WIDTH = 1000, GANTT = 360, USE = 120, GAP = 30, LEFT = 60, TOP = 40, COLUMNS = 500 };

struct plot {
	const struct sim_workload *w;
	uint32_t cpus;
	double   begin, seconds; /* of the run */
	struct buf out;
};

static double x_of(const struct plot *p, int64_t usec)
{
	return LEFT + ((double)usec / 1e6 - p->begin) / p->seconds * (WIDTH - LEFT - 10);
}

/* Bars are stacked where the fewest CPUs' worth of them is in the way: lanes, first that is free. */
static void draw_bars(struct plot *p, uint32_t most)
{
	static const char *const colours[] = {"#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"};
	int64_t *lanes = xcalloc(p->cpus, sizeof *lanes);
	uint32_t drawn = 0;

	for (uint32_t i = 0; i < p->w->n && drawn < most; i++) {
		const struct sim_job *j = &p->w->jobs[i];
		uint32_t lane = 0, free_lanes = 0;

		if (j->end_usec < 0)
			continue;
		for (lane = 0; lane < p->cpus && free_lanes < j->cpus; lane++)
			free_lanes = lanes[lane] <= j->start_usec ? free_lanes + 1 : 0;
		lane = free_lanes >= j->cpus ? lane - j->cpus : 0;
		for (uint32_t k = lane; k < lane + j->cpus && k < p->cpus; k++)
			lanes[k] = j->end_usec;
		buf_addf(&p->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"%s><title>job %u: %u CPUs</title></rect>\n",
		         x_of(p, j->start_usec), TOP + USE + GAP + (double)lane / p->cpus * GANTT,
		         MAX_OF(x_of(p, j->end_usec) - x_of(p, j->start_usec), 0.3), MAX_OF((double)j->cpus / p->cpus * GANTT, 0.5),
		         colours[j->user % ARRAY_SIZE(colours)], j->resizes ? " stroke=\"black\" stroke-width=\"0.5\"" : "", i + 1, j->cpus);
		drawn++;
	}
	free(lanes);
}

/* CPUs held, as the mean of each column; a job counts with the mean of what it held. */
static void draw_use(struct plot *p)
{
	double *use = xcalloc(COLUMNS, sizeof *use), width = p->seconds / COLUMNS;

	for (uint32_t i = 0; i < p->w->n; i++) {
		const struct sim_job *j = &p->w->jobs[i];
		double from = (double)j->start_usec / 1e6 - p->begin, to = (double)j->end_usec / 1e6 - p->begin;

		if (j->end_usec < 0 || to <= from)
			continue;
		for (int c = (int)(from / width); c < COLUMNS && c * width < to; c++)
			use[c] += (MIN_OF(to, (c + 1) * width) - MAX_OF(from, c * width)) / width * j->cpu_seconds / (to - from);
	}
	buf_addf(&p->out, "<polyline fill=\"#dddddd\" stroke=\"#555555\" points=\"%d,%d", LEFT, TOP + USE);
	for (int c = 0; c < COLUMNS; c++)
		buf_addf(&p->out, " %.1f,%.1f", LEFT + (c + 0.5) / COLUMNS * (WIDTH - LEFT - 10), TOP + USE - MIN_OF(use[c] / p->cpus, 1.0) * USE);
	buf_addf(&p->out, " %d,%d\"/>\n", WIDTH - 10, TOP + USE);
	free(use);
}

static void draw_title(struct buf *b, const char *title)
{
	buf_addf(b, "<text x=\"%d\" y=\"20\" font-size=\"15\">", LEFT);
	for (; *title; title++)
		if (*title == '<' || *title == '&')
			buf_adds(b, *title == '<' ? "&lt;" : "&amp;");
		else
			buf_addc(b, *title);
	buf_adds(b, "</text>\n");
}

char *sim_svg(const struct sim_workload *w, const struct sim_options *o, const char *title, uint32_t most)
{
	struct plot p = {.w = w, .cpus = o->cpus, .begin = w->n ? (double)w->jobs[0].submit_usec / 1e6 : 0};
	int64_t last = 0;

	for (uint32_t i = 0; i < w->n; i++)
		last = MAX_OF(last, w->jobs[i].end_usec);
	p.seconds = MAX_OF((double)last / 1e6 - p.begin, 1.0);
	buf_addf(&p.out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n", WIDTH,
	         TOP + USE + GAP + GANTT + 40);
	buf_adds(&p.out, "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
	draw_title(&p.out, title);
	draw_use(&p);
	draw_bars(&p, most);
	buf_addf(&p.out, "<text x=\"5\" y=\"%d\">CPUs</text><text x=\"5\" y=\"%d\">used</text><text x=\"5\" y=\"%d\">jobs</text>\n", TOP + 12,
	         TOP + 28, TOP + USE + GAP + 12);
	buf_addf(&p.out, "<text x=\"%d\" y=\"%d\">0</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.1f hours</text>\n</svg>\n", LEFT,
	         TOP + USE + GAP + GANTT + 20, WIDTH - 10, TOP + USE + GAP + GANTT + 20, p.seconds / 3600);
	return buf_steal(&p.out);
}
