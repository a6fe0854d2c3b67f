// SPDX-License-Identifier: GPL-2.0-only
#include <linux/poll.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "emd_array_private.h"
#include "emd_proc.h"

static DECLARE_WAIT_QUEUE_HEAD(changed);
static atomic_t generation;

void emd_proc_notify(void)
{
	atomic_inc(&generation);
	wake_up_all(&changed);
}

static void show_member(struct seq_file *seq, struct mdk_member *m)
{
	seq_printf(seq, " %s[%d]", m->name, max(m->priority, m->replaces));
	if (test_bit(EMD_MF_WRITE_MOSTLY, &m->flags))
		seq_puts(seq, "(W)");
	if (m->state & MDU_MSTATE_FAILED)
		seq_puts(seq, "(F)");
	else if (m->replaces >= 0)
		seq_puts(seq, "(R)");
	else if (m->priority < 0)
		seq_puts(seq, "(S)");
}

static void show_slots(struct seq_file *seq, struct emd_array *a)
{
	u32 i, raid_disks = a->geo.raid_disks;
	mdu_mstate_t *states = a->priv->scratch;

	seq_printf(seq, " [%u/%u] [", raid_disks, raid_disks - emd_array_degraded(a));
	spin_lock_irq(&a->member.member_lock);
	emd_array_states(a, raid_disks, states);
	for (i = 0; i < raid_disks; i++)
		seq_putc(seq, MDU_MSTATE_READABLE(states[i]) ? 'U' : '_');
	spin_unlock_irq(&a->member.member_lock);
	seq_putc(seq, ']');
}

static void show_geometry(struct seq_file *seq, struct emd_array *a)
{
	const struct emd_geometry *geo = &a->geo;

	if (emd_geometry_parity_disks(geo))
		seq_printf(seq, " level %d, %uk chunk, algorithm %u", geo->level, geo->chunk_sectors / 2, geo->layout);
	else if (geo->chunk_sectors)
		seq_printf(seq, " %uk chunks", geo->chunk_sectors / 2);
	if (emd_array_redundant(a))
		show_slots(seq, a);
}

static void show_array(struct seq_file *seq, struct emd_array *a)
{
	bool running = emd_array_running(a);
	struct mdk_member *m;

	seq_printf(seq, "%s : %sactive", a->member.name, running ? "" : "in");
	if (running) {
		if (a->state == EMD_ARRAY_READONLY)
			seq_puts(seq, " (read-only)");
		else if (a->state == EMD_ARRAY_READ_AUTO)
			seq_puts(seq, " (auto-read-only)");
		seq_printf(seq, " %s", a->member.pers->name);
	}
	emd_for_each_child(m, &a->member)
		show_member(seq, m);
	seq_printf(seq, "\n      %llu blocks", (unsigned long long)a->member.total_size / 2);
	if (emd_array_external(a))
		seq_printf(seq, " super external:%s", a->priv->tag);
	if (running)
		show_geometry(seq, a);
	seq_puts(seq, "\n");
	if (running && emd_array_redundant(a))
		emd_sync_show(seq, a);
	seq_puts(seq, "\n");
}

/* An array that can be stopped meanwhile must not go: its configuration stays still while it is shown. */
static void show_locked(struct seq_file *seq, struct emd_array *a)
{
	mutex_lock(&a->config_mutex);
	mutex_lock(&emd_topology_mutex);
	show_array(seq, a);
	mutex_unlock(&emd_topology_mutex);
	mutex_unlock(&a->config_mutex);
}

static int stat_show(struct seq_file *seq, void *unused)
{
	struct emd_array *a;
	int number = -1;

	emd_personality_list(seq);
	while ((a = emd_array_next(number))) {
		number = a->priv->number;
		show_locked(seq, a);
		emd_member_put(&a->member);
	}
	seq_puts(seq, "unused devices: <none>\n");
	return 0;
}

static int stat_open(struct inode *inode, struct file *file)
{
	int error = single_open(file, stat_show, NULL);

	if (!error)
		((struct seq_file *)file->private_data)->poll_event = atomic_read(&generation);
	return error;
}

static __poll_t stat_poll(struct file *file, poll_table *wait)
{
	struct seq_file *seq = file->private_data;
	__poll_t mask = EPOLLIN | EPOLLRDNORM;
	int now;

	poll_wait(file, &changed, wait);
	now = atomic_read(&generation);
	if (seq->poll_event != now) {
		seq->poll_event = now;
		mask |= EPOLLERR | EPOLLPRI;
	}
	return mask;
}

static const struct proc_ops stat_ops = {
	.proc_open = stat_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
	.proc_poll = stat_poll,
};

int emd_proc_module_init(void)
{
	return proc_create("emdstat", 0444, NULL, &stat_ops) ? 0 : -ENOMEM;
}

void emd_proc_module_exit(void)
{
	remove_proc_entry("emdstat", NULL);
}
