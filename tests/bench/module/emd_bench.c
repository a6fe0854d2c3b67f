// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load on a block device, from inside the kernel: system calls would cost more than what is measured.
 *
 *   cd /sys/module/emd_bench/parameters
 *   echo /dev/emd0 >dev; echo write >op; echo 262144 >bs; echo 8 >qd; echo 1000 >count; echo name >tag; echo 1 >run
 *
 * runs, and says one line in the kernel log ("emd_bench: {...}", JSON). The write to run ends when the load has ended; an error
 * means that nothing was measured, and the log says why.
 *
 * Time is ktime (a count of instructions when QEMU's clock is one: -icount shift=0) and, in User Mode Linux, the CPU
 * time of the kernel's process. Bios and pages exist before the clock starts; only the submitter's loop and what the
 * device does with it is counted.
 *
 * With op=job, dev is the sync_action of an array: action is written to it, and what is measured lasts until it says "idle"
 * again. Of a clock that counts instructions, cpu is then what it counted while the CPU was not idle.
 *
 * Data can be verified afterwards: every sector begins with a word that its place and @seed determine, the rest of a
 * page is the same everywhere. check=1 compares what a read returns; @other admits a second seed, for a device of
 * which a random run has written only a part.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/kallsyms.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/stacktrace.h>
#include <linux/tick.h>
#include <linux/version.h>

#include <asm/irq_regs.h>

#undef pr_fmt
#define pr_fmt(fmt) "emd_bench: " fmt

#define MAX_PAGES	256	/* of one bio */
#define MAX_DEPTH	4096
#define NR_BUCKETS	40
#define FLUSH_EVERY	16
#define JOB_LOOK_MS	4
#define JOB_MOST_S	2000	/* of the kernel's own clock */

static char dev[128], op[16] = "read", pattern[16] = "seq", tag[128], action[16];
static unsigned int bs = 4096, qd = 1, batch, warm, hist, check, sample, slices = 1;
static unsigned long long count = 1, span, seed = 1, other;

#define TEXT(name, what)	module_param_string(name, name, sizeof(name), 0600); MODULE_PARM_DESC(name, what)
#define NUMBER(name, type, what) module_param(name, type, 0600); MODULE_PARM_DESC(name, what)

TEXT(dev, "block device, by its path");
TEXT(op, "read, write, fua, flush (every 16th write asks for one), or job: a sync");
TEXT(pattern, "seq, rand, or twin (two sequential streams in turn)");
TEXT(action, "of a job: what is written to sync_action");
TEXT(tag, "name of the run in the log");
NUMBER(bs, uint, "bytes of one bio");
NUMBER(qd, uint, "bios in flight");
NUMBER(batch, uint, "bios under one plug (0: a quarter of qd)");
NUMBER(warm, uint, "bios before the clock starts");
NUMBER(hist, uint, "1: histogram of latencies, in powers of two of nanoseconds");
NUMBER(check, uint, "1: compare what was read");
NUMBER(sample, uint, "profile: every that many nanoseconds, where is the kernel?");
NUMBER(count, ullong, "bios");
NUMBER(slices, uint, "so many times count bios: what is reported is the slice that cost least");
NUMBER(span, ullong, "bytes of the device that are used (0: all)");
NUMBER(seed, ullong, "of the data and of the random places");
NUMBER(other, ullong, "a second seed that data may have");

struct slot {
	struct bio		bio;
	struct llist_node	ended;
	u64			begun;
	sector_t		sector;
	bool			busy;
	struct bio_vec		vecs[MAX_PAGES];
};

static struct bench {
	struct block_device	*bdev;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	struct file		*file;
#endif
	blk_opf_t		opf;
	unsigned int		pages, pattern, flush_every;
	u64			blocks;		/* of @bs in the span */
	u64			next, random;
	struct slot		**slots;
	struct task_struct	*submitter;
	struct llist_head	ended;
	struct llist_node	*free;
	atomic_t		nr_free;
	unsigned int		wanted;		/* free slots that the submitter sleeps for, or 0 */
	atomic_t		errors;
	u64			wrong, first_wrong;
	atomic_t		bucket[NR_BUCKETS];
} b;

enum { SEQ, RAND, TWIN };

/* -- clocks --------------------------------------------------------------------------------------- */

#ifdef CONFIG_UML
/* This kernel is one process of the host: ask the host what it has used. */
static u64 host_cpu_ns(void)
{
	struct { long s, n; } ts;
	long ret, nr = 228;	/* clock_gettime */

	asm volatile("syscall" : "=a"(ret) : "0"(nr), "D"(2L) /* CLOCK_PROCESS_CPUTIME_ID */, "S"(&ts)
		     : "rcx", "r11", "memory");
	return ts.s * 1000000000ULL + ts.n;
}
#else
/* One CPU: what it has done since it was started is all but the idle time. */
static u64 host_cpu_ns(void)
{
	u64 idle = get_cpu_idle_time_us(0, NULL);

	return idle == (u64)-1 ? 0 : ktime_get_ns() - idle * NSEC_PER_USEC;
}
#endif

/* -- data ----------------------------------------------------------------------------------------- */

static u64 mix(u64 x)
{
	x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9ULL;
	return x ^ (x >> 32);
}

static u64 stamp_of(sector_t sector, u64 key)
{
	return mix(sector * 2 + 1 + (key << 48));
}

static void stamp(struct slot *s, sector_t sector)
{
	unsigned int i, at;

	for (i = 0; i < b.pages; i++)
		for (at = 0; at < s->vecs[i].bv_len; at += SECTOR_SIZE, sector++)
			*(u64 *)(page_address(s->vecs[i].bv_page) + at) = stamp_of(sector, seed);
}

static bool sector_right(const u64 *word, sector_t sector, unsigned int at)
{
	unsigned int i;

	if (word[0] != stamp_of(sector, seed) && (!other || word[0] != stamp_of(sector, other)))
		return false;
	for (i = 1; i < SECTOR_SIZE / sizeof(u64); i++)
		if (word[i] != mix(at + i))
			return false;
	return true;
}

static void compare(struct slot *s)
{
	sector_t sector = s->sector;
	unsigned int i, at;

	for (i = 0; i < b.pages; i++)
		for (at = 0; at < s->vecs[i].bv_len; at += SECTOR_SIZE, sector++)
			if (!sector_right(page_address(s->vecs[i].bv_page) + at, sector, at) && !b.wrong++)
				b.first_wrong = sector;
}

/* -- the loop ------------------------------------------------------------------------------------- */

static void ended(struct bio *bio)
{
	struct slot *s = container_of(bio, struct slot, bio);
	unsigned int wanted;

	if (bio->bi_status)
		atomic_inc(&b.errors);
	if (hist)
		atomic_inc(&b.bucket[min(fls64(ktime_get_ns() - s->begun), NR_BUCKETS - 1)]);
	llist_add(&s->ended, &b.ended);
	wanted = atomic_inc_return(&b.nr_free);	/* a full barrier: either we see @wanted or the submitter sees us */
	if (READ_ONCE(b.wanted) && wanted >= READ_ONCE(b.wanted))
		wake_up_process(b.submitter);
}

static void wait_free(unsigned int n)
{
	if (atomic_read(&b.nr_free) >= n)
		return;
	WRITE_ONCE(b.wanted, n);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (atomic_read(&b.nr_free) >= n)
			break;
		io_schedule();
	}
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(b.wanted, 0);
}

static struct slot *free_slot(void)
{
	struct slot *s;

	if (!b.free)
		b.free = llist_del_all(&b.ended);
	s = llist_entry(b.free, struct slot, ended);
	b.free = b.free->next;
	atomic_dec(&b.nr_free);
	if (check && s->busy)
		compare(s);
	return s;
}

static u64 next_block(void)
{
	u64 i = b.next++, half = b.blocks / 2;

	switch (b.pattern) {
	case RAND:
		b.random ^= b.random << 13;
		b.random ^= b.random >> 7;
		b.random ^= b.random << 17;
		return mul_u64_u64_shr(b.random, b.blocks, 64);
	case TWIN:
		return (i & 1) * half + (i >> 1) % half;
	default:
		return i % b.blocks;
	}
}

static void send(struct slot *s)
{
	sector_t sector = next_block() * (bs >> SECTOR_SHIFT);
	blk_opf_t opf = b.opf;

	if (b.flush_every && b.next % b.flush_every == 0)
		opf |= REQ_PREFLUSH;
	bio_reset(&s->bio, b.bdev, opf);
	s->bio.bi_vcnt = b.pages;
	s->bio.bi_iter.bi_size = bs;
	s->bio.bi_iter.bi_sector = sector;
	s->bio.bi_end_io = ended;
	s->sector = sector;
	s->busy = true;
	if (hist)
		s->begun = ktime_get_ns();
	if (op_is_write(b.opf))
		stamp(s, sector);
	submit_bio(&s->bio);
}

static void run(u64 n)
{
	struct blk_plug plug;
	unsigned int i, now;

	for (; n; n -= now) {
		now = min_t(u64, n, batch);
		wait_free(now);
		blk_start_plug(&plug);
		for (i = 0; i < now; i++)
			send(free_slot());
		blk_finish_plug(&plug);
	}
	wait_free(qd);
}

/* -- profile ----------------------------------------------------------------------------------------
 * A timer that looks at what it interrupted. With interrupts off it comes late: such code is charged to where it ends. It comes
 * at odd times: operations that are all alike would meet a regular one at the same places again and again.
 */
#define MAX_SAMPLES	65536
#define MAX_FRAMES	32

struct sample {
	unsigned long ip, caller;
};

static struct {
	struct hrtimer	timer;
	struct sample	*at;
	unsigned int	nr;
	u32		chance;
} profile;

/* Between half and one and a half of what was asked for. */
static ktime_t profile_pause(void)
{
	profile.chance = profile.chance * 1664525 + 1013904223;
	return ns_to_ktime(sample / 2 + (u64)sample * profile.chance / U32_MAX);
}

static enum hrtimer_restart profile_tick(struct hrtimer *timer)
{
	unsigned long frames[MAX_FRAMES], ip = instruction_pointer(get_irq_regs());
	unsigned int i, n;

	if (profile.nr < MAX_SAMPLES) {
		struct sample *s = &profile.at[profile.nr++];

		s->ip = ip;
		s->caller = 0;
		n = stack_trace_save(frames, MAX_FRAMES, 0);
		for (i = 0; i + 1 < n; i++)
			if (frames[i] == ip)
				s->caller = frames[i + 1];
	}
	hrtimer_forward_now(timer, profile_pause());
	return HRTIMER_RESTART;
}

static unsigned long function_of(unsigned long ip)
{
	char name[KSYM_SYMBOL_LEN];
	unsigned long offset = 0;

	if (!ip)
		return 0;
	sprint_symbol(name, ip);
	if (strchr(name, '+'))
		sscanf(strchr(name, '+'), "+0x%lx", &offset);
	return ip - offset;
}

static int by_place(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	if (x->ip != y->ip)
		return x->ip < y->ip ? -1 : 1;
	return x->caller == y->caller ? 0 : x->caller < y->caller ? -1 : 1;
}

static void profile_report(void)
{
	unsigned int i, from;

	for (i = 0; i < profile.nr; i++) {
		profile.at[i].ip = function_of(profile.at[i].ip);
		profile.at[i].caller = function_of(profile.at[i].caller);
	}
	sort(profile.at, profile.nr, sizeof(*profile.at), by_place, NULL);
	for (i = from = 0; i < profile.nr; i++)
		if (i + 1 == profile.nr || by_place(&profile.at[i], &profile.at[i + 1])) {
			pr_info("profile %s %u of %u %ps %ps\n", tag, i + 1 - from, profile.nr,
				(void *)profile.at[i].ip, (void *)profile.at[i].caller);
			from = i + 1;
		}
}

static int profile_begin(void)
{
	profile.nr = 0;
	profile.at = kvcalloc(MAX_SAMPLES, sizeof(*profile.at), GFP_KERNEL);
	if (!profile.at)
		return -ENOMEM;
	hrtimer_init(&profile.timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	profile.timer.function = profile_tick;
	hrtimer_start(&profile.timer, ns_to_ktime(sample), HRTIMER_MODE_REL_PINNED_HARD);
	return 0;
}

static void profile_end(void)
{
	hrtimer_cancel(&profile.timer);
	profile_report();
	kvfree(profile.at);
}

/* -- set-up --------------------------------------------------------------------------------------- */

static int bench_open(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	b.file = bdev_file_open_by_path(dev, BLK_OPEN_READ | BLK_OPEN_WRITE, NULL, NULL);
	if (IS_ERR(b.file))
		return PTR_ERR(b.file);
	b.bdev = file_bdev(b.file);
#else
	b.bdev = blkdev_get_by_path(dev, FMODE_READ | FMODE_WRITE, NULL);
	if (IS_ERR(b.bdev))
		return PTR_ERR(b.bdev);
#endif
	return 0;
}

static void bench_close(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	fput(b.file);
#else
	blkdev_put(b.bdev, FMODE_READ | FMODE_WRITE);
#endif
}

static void slot_free(struct slot *s)
{
	unsigned int i;

	bio_uninit(&s->bio);
	for (i = 0; i < b.pages; i++)
		if (s->vecs[i].bv_page)
			__free_page(s->vecs[i].bv_page);
	kvfree(s);
}

/* The same words in every page, but for the stamps. */
static void fill(void *page, void *like)
{
	unsigned int at;

	if (like) {
		memcpy(page, like, PAGE_SIZE);
		return;
	}
	for (at = 0; at < PAGE_SIZE; at += sizeof(u64))
		*(u64 *)(page + at) = mix(round_down(at, SECTOR_SIZE) + (at % SECTOR_SIZE) / sizeof(u64));
}

static struct slot *slot_alloc(void)
{
	struct slot *s = kvzalloc(sizeof(*s), GFP_KERNEL);
	unsigned int i, left = bs;

	if (!s)
		return NULL;
	bio_init(&s->bio, b.bdev, s->vecs, MAX_PAGES, b.opf);
	for (i = 0; i < b.pages; i++) {
		struct page *page = alloc_page(GFP_KERNEL);

		if (!page) {
			slot_free(s);
			return NULL;
		}
		fill(page_address(page), i ? page_address(s->vecs[0].bv_page) : NULL);
		s->vecs[i].bv_page = page;
		s->vecs[i].bv_len = min_t(unsigned int, left, PAGE_SIZE);
		left -= s->vecs[i].bv_len;
	}
	return s;
}

static void slots_free(void)
{
	unsigned int i;

	for (i = 0; i < qd; i++)
		if (b.slots[i])
			slot_free(b.slots[i]);
	kvfree(b.slots);
}

static int slots_alloc(void)
{
	unsigned int i;

	b.slots = kvcalloc(qd, sizeof(*b.slots), GFP_KERNEL);
	if (!b.slots)
		return -ENOMEM;
	for (i = 0; i < qd; i++) {
		b.slots[i] = slot_alloc();
		if (!b.slots[i]) {
			slots_free();
			return -ENOMEM;
		}
		llist_add(&b.slots[i]->ended, &b.ended);
	}
	atomic_set(&b.nr_free, qd);
	return 0;
}

static int refuse(const char *why)
{
	pr_err("%s: %s\n", tag, why);
	return -EINVAL;
}

static int parse(void)
{
	static const char * const patterns[] = { "seq", "rand", "twin" };
	int found = match_string(patterns, ARRAY_SIZE(patterns), pattern);

	if (found < 0)
		return refuse("pattern is none of seq, rand, twin");
	b.pattern = found;
	if (!strcmp(op, "read"))
		b.opf = REQ_OP_READ;
	else if (!strcmp(op, "write") || !strcmp(op, "flush"))
		b.opf = REQ_OP_WRITE;
	else if (!strcmp(op, "fua"))
		b.opf = REQ_OP_WRITE | REQ_FUA;
	else
		return refuse("op is none of read, write, fua, flush, job");
	b.flush_every = strcmp(op, "flush") ? 0 : FLUSH_EVERY;
	if (!bs || bs % SECTOR_SIZE || bs > MAX_PAGES * PAGE_SIZE)
		return refuse("bs is no multiple of 512, or above 256 pages");
	if (!slices)
		return refuse("slices is 0");
	if (!qd || qd > MAX_DEPTH)
		return refuse("qd is not 1 to 4096");
	if (!batch)
		batch = max(qd / 4, 1u);
	if (batch > qd)
		return refuse("batch is above qd");
	if (check && op_is_write(b.opf))
		return refuse("check is for reads");
	b.pages = DIV_ROUND_UP(bs, PAGE_SIZE);
	b.random = mix(seed) | 1;
	return 0;
}

static int measure_span(void)
{
	u64 size = bdev_nr_bytes(b.bdev);

	b.blocks = div_u64(span && span < size ? span : size, bs);
	if (b.blocks < 2)
		return refuse("the device or the span is smaller than two bios");
	return 0;
}

/* -- result --------------------------------------------------------------------------------------- */

static void report(u64 ns, u64 cpu)
{
	char text[NR_BUCKETS * 12] = "";
	int i, at = 0;

	for (i = 0; hist && i < NR_BUCKETS; i++)
		at += scnprintf(text + at, sizeof(text) - at, "%s%d", i ? ", " : "", atomic_read(&b.bucket[i]));
	if (b.wrong)
		pr_err("%s: %llu sectors are wrong, the first is %llu\n", tag, b.wrong, b.first_wrong);
	pr_info("{\"tag\": \"%s\", \"ops\": %llu, \"ns\": %llu, \"cpu\": %llu, \"errors\": %d, \"wrong\": %llu, \"hist\": [%s]}\n",
		tag, count, ns, cpu, atomic_read(&b.errors), b.wrong, text);
}

/* What disturbs a slice only adds to its cost: the least is nearest to the truth. */
static void run_slice(u64 *least_ns, u64 *least_cpu)
{
	u64 ns = ktime_get_ns(), cpu = host_cpu_ns();

	run(count);
	*least_cpu = min(*least_cpu, host_cpu_ns() - cpu);
	*least_ns = min(*least_ns, ktime_get_ns() - ns);
}

static int measure(void)
{
	u64 ns = U64_MAX, cpu = U64_MAX;
	unsigned int i;
	int error;

	b.submitter = current;
	run(warm);
	for (i = 0; i < NR_BUCKETS; i++)
		atomic_set(&b.bucket[i], 0);
	error = sample ? profile_begin() : 0;
	if (error)
		return error;
	for (i = 0; i < slices; i++)
		run_slice(&ns, &cpu);
	for (i = 0; check && i < qd; i++)
		free_slot();
	report(ns, cpu);
	if (sample)
		profile_end();
	return 0;
}

/* -- jobs ------------------------------------------------------------------------------------------- */

static bool job_idle(struct file *file)
{
	char said[16] = "";
	loff_t pos = 0;

	return kernel_read(file, said, sizeof(said) - 1, &pos) > 0 && !strcmp(strim(said), "idle");
}

static int job_wait(struct file *file)
{
	unsigned int looks;

	for (looks = 0; looks < JOB_MOST_S * MSEC_PER_SEC / JOB_LOOK_MS; looks++) {
		if (job_idle(file))
			return 0;
		msleep(JOB_LOOK_MS);
	}
	return -ETIMEDOUT;
}

static int job(void)
{
	struct file *file = filp_open(dev, O_RDWR, 0);
	loff_t pos = 0;
	u64 ns, cpu;
	int error;

	if (IS_ERR(file))
		return PTR_ERR(file);
	if (sample && profile_begin()) {
		filp_close(file, NULL);
		return -ENOMEM;
	}
	ns = ktime_get_ns();
	cpu = host_cpu_ns();
	error = min_t(ssize_t, kernel_write(file, action, strlen(action), &pos), 0) ?: job_wait(file);
	cpu = host_cpu_ns() - cpu;
	ns = ktime_get_ns() - ns;
	filp_close(file, NULL);
	if (error)
		pr_err("%s: '%s' in '%s': error %d\n", tag, action, dev, error);
	else
		report(ns, cpu);
	if (sample)
		profile_end();
	return error;
}

static int bench(void)
{
	int error;

	if (!strcmp(op, "job"))
		return job();
	error = parse();
	if (error)
		return error;
	error = bench_open();
	if (error) {
		pr_err("%s: cannot open '%s': error %d\n", tag, dev, error);
		return error;
	}
	error = measure_span();
	if (!error)
		error = slots_alloc();
	if (!error) {
		error = measure();
		slots_free();
	}
	bench_close();
	return error;
}

static int run_set(const char *value, const struct kernel_param *param)
{
	static DEFINE_MUTEX(running);
	int error;

	mutex_lock(&running);
	memset(&b, 0, sizeof(b));
	strim(dev);	/* what echo writes ends with a newline */
	strim(op);
	strim(action);
	strim(pattern);
	strim(tag);
	error = bench();
	mutex_unlock(&running);
	return error;
}

static const struct kernel_param_ops run_ops = { .set = run_set };
module_param_cb(run, &run_ops, NULL, 0200);
MODULE_PARM_DESC(run, "write to it, and the load runs");

MODULE_DESCRIPTION("EMD: load generator of the benchmarks");
MODULE_LICENSE("GPL");
