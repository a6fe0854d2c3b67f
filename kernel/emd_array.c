// SPDX-License-Identifier: GPL-2.0-only
/* An array as an object: memory, state, health, messages. */
#include <linux/slab.h>

#include "emd_array_private.h"
#include "emd_array_queues.h"

struct workqueue_struct *emd_config_wq;

static const char *const state_words[] = {
#define X(name, word) [EMD_ARRAY_##name] = word,
	EMD_ARRAY_STATES(X)
#undef X
};

int emd_refuse(struct emd_array *a, int error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(a->last_error, sizeof(a->last_error), fmt, args);
	va_end(args);
	return error;
}

void emd_array_event(struct emd_array *a, const char *event, const char *attr)
{
	char text[40];
	char *env[] = { text, NULL };

	if (event) {
		snprintf(text, sizeof(text), "EMD_EVENT=%s", event);
		kobject_uevent_env(&disk_to_dev(a->disk)->kobj, KOBJ_CHANGE, env);
	}
	if (attr)
		emd_array_notify(a, attr);
	emd_proc_notify();
}

/* -- state ----------------------------------------------------------------------------------- */

bool emd_array_external(const struct emd_array *a)
{
	return a->member.metapers->external;
}

bool emd_array_writable(struct emd_array *a)
{
	enum emd_array_state state = READ_ONCE(a->state);

	return state == EMD_ARRAY_CLEAN || state == EMD_ARRAY_ACTIVE;
}

static enum emd_array_state inactive_state(struct emd_array *a)
{
	return list_empty(&a->member.child_set) && !a->geo.raid_disks && !a->geo.member_sectors ?
	       EMD_ARRAY_CLEAR : EMD_ARRAY_INACTIVE;
}

enum emd_array_state emd_array_state(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);
	enum emd_array_state state = READ_ONCE(a->state);

	if (state == EMD_ARRAY_INACTIVE)
		return inactive_state(a);
	if (READ_ONCE(g->pending))
		return EMD_ARRAY_WRITE_PENDING;
	/* Also while it is active: nobody records that it is clean. */
	if ((state == EMD_ARRAY_CLEAN || state == EMD_ARRAY_ACTIVE) && emd_array_broken(a))
		return EMD_ARRAY_BROKEN;
	if (state == EMD_ARRAY_ACTIVE && READ_ONCE(g->idle) && !READ_ONCE(g->wrote))
		return EMD_ARRAY_ACTIVE_IDLE;
	return state;
}

const char *emd_array_state_word(enum emd_array_state state)
{
	return state_words[state];
}

int emd_array_state_find(const char *page)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(state_words); i++)
		if (emd_word_is(page, state_words[i]))
			return i;
	return -EINVAL;
}

void emd_array_set_state(struct emd_array *a, enum emd_array_state state)
{
	WRITE_ONCE(a->state, state);
	emd_array_notify(a, "array_state");
	emd_proc_notify();
}

void emd_array_release_writes(struct emd_array *a)
{
	emd_gate_release(a);
}

/* -- health: a function of the children --------------------------------------------------------- */

void emd_array_states(struct emd_array *a, u32 raid_disks, mdu_mstate_t *states)
{
	struct mdk_member *m;

	lockdep_assert_held(&a->member.member_lock);
	memset(states, 0, raid_disks * sizeof(*states));
	emd_for_each_child(m, &a->member)
		if (m->priority >= 0 && m->priority < raid_disks && test_bit(EMD_MF_PLACED, &m->flags) &&
		    MDU_MSTATE_LIVE(m->state))
			states[m->priority] = m->state;
}

unsigned int emd_array_degraded(struct emd_array *a)
{
	unsigned int missing = 0;
	unsigned long flags;
	u32 i, slots = a->geo.raid_disks;

	/* During a reshape a slot of either side counts. */
	if (rcu_access_pointer(a->reshape))
		slots = max(slots, a->next.raid_disks);
	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_array_states(a, slots, a->priv->scratch);
	for (i = 0; i < slots; i++)
		missing += !MDU_MSTATE_READABLE(a->priv->scratch[i]);
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return missing;
}

bool emd_array_comparable(struct emd_array *a)
{
	const struct emd_geometry *geo = &a->geo;
	unsigned long flags;
	bool comparable;

	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_array_states(a, geo->raid_disks, a->priv->scratch);
	comparable = emd_mstate_redundant(geo->level, geo->layout, geo->raid_disks, a->priv->scratch);
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return comparable;
}

static mdu_mstate_t health_under(struct emd_array *a, const struct emd_geometry *geo)
{
	emd_array_states(a, geo->raid_disks, a->priv->scratch);
	return emd_mstate_array(geo->level, geo->layout, geo->raid_disks, a->priv->scratch);
}

mdu_mstate_t emd_array_health(struct emd_array *a, bool both)
{
	mdu_mstate_t now, next;
	unsigned long flags;

	spin_lock_irqsave(&a->member.member_lock, flags);
	now = health_under(a, &a->geo);
	next = both ? health_under(a, &a->next) : now;
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return max(now, next);	/* OPTIMAL < DEGRADED < FAILED */
}

void emd_array_update_health(struct emd_array *a)
{
	mdu_mstate_t health, before = emd_member_state(&a->member);

	if (!emd_array_running(a))
		return;
	health = emd_array_health(a, rcu_access_pointer(a->reshape));

	if (before == MDU_MSTATE_UNKNOWN)
		emd_member_event(&a->member, EMD_MEV_ACTIVATE);
	emd_member_event(&a->member, health == MDU_MSTATE_OPTIMAL ? EMD_MEV_RESTORE : EMD_MEV_DEGRADE);
	if (health != MDU_MSTATE_OPTIMAL && !(before & MDU_MSTATE_DEGRADED))
		emd_array_event(a, "degraded", "degraded");
	else if (health == MDU_MSTATE_OPTIMAL && (before & MDU_MSTATE_DEGRADED))
		emd_array_event(a, "optimal", "degraded");
	else
		emd_array_notify(a, "degraded");
}

/* -- memory -------------------------------------------------------------------------------------- */

static void again(struct bio *bio, void *ctx)
{
	emd_gate_punt(ctx, bio);
}

static int array_init_parts(struct emd_array *a)
{
	int error = emd_gate_init(a);

	if (error)
		return error;
	a->ranges = emd_range_create(again, a);
	if (!a->ranges) {
		error = -ENOMEM;
		goto destroy_gate;
	}
	error = emd_sync_create(a);
	if (error)
		goto destroy_ranges;
	return 0;
destroy_ranges:
	emd_range_destroy(a->ranges);
destroy_gate:
	emd_gate_destroy(a);
	return error;
}

static void array_init_fields(struct emd_array *a)
{
	mutex_init(&a->config_mutex);
	spin_lock_init(&a->priv->config_open);
	INIT_WORK(&a->priv->failure_work, emd_array_failure_work);
	INIT_WORK(&a->priv->show_work, emd_array_show_work);
	INIT_LIST_HEAD(&a->suspend.link);
	INIT_LIST_HEAD(&a->priv->registered);
	a->suspend.mode = EMD_RANGE_WRITES;
	a->state = EMD_ARRAY_INACTIVE;
	a->geo.level = EMD_LEVEL_NONE;
	a->next.level = EMD_LEVEL_NONE;
	a->next_backward = -1;
	a->resync_start = 0;
	a->reshape_position = EMD_POS_MAX;
	a->stripe_cache_size = 256;
	a->bitmap_config.time_base = EMD_DEFAULT_TIME_BASE;
	a->member.subtype = EMD_LEVEL_NONE;
	a->member.metapers = &emd_meta_none;
}

struct emd_array *emd_array_alloc(unsigned int number)
{
	struct emd_array *a = kzalloc(sizeof(*a), GFP_KERNEL);
	char name[EMD_NAME_SIZE];
	int error = -ENOMEM;

	if (!a)
		return ERR_PTR(-ENOMEM);
	a->priv = kzalloc(sizeof(*a->priv), GFP_KERNEL);
	if (!a->priv)
		goto free;
	a->priv->array = a;
	a->priv->number = number;
	snprintf(name, sizeof(name), "emd%u", number);
	error = emd_member_init(&a->member, MDU_MTYPE_ARRAY, name);
	if (error)
		goto free_priv;
	array_init_fields(a);
	emd_array_queues_init(a);
	error = array_init_parts(a);
	if (error)
		goto discard;
	return a;
discard:
	emd_member_discard(&a->member);
	emd_member_freed();
free_priv:
	kfree(a->priv);
free:
	kfree(a);
	return ERR_PTR(error);
}

void emd_array_release(struct emd_array *a)
{
	cancel_work_sync(&a->priv->failure_work);
	cancel_work_sync(&a->priv->show_work);
	emd_sync_destroy(a);
	emd_range_destroy(a->ranges);
	emd_gate_destroy(a);
	emd_array_queues_exit(a);
}

void emd_array_free(struct emd_array *a)
{
	kfree(a->priv);
	kfree(a);
	emd_member_freed();
}

int emd_array_module_init(void)
{
	int error;

	emd_config_wq = alloc_workqueue("emd_config", WQ_UNBOUND, 0);
	if (!emd_config_wq)
		return -ENOMEM;
	error = emd_array_map_module_init();
	if (error)
		goto destroy_wq;
	error = emd_queues_module_init();
	if (error)
		goto exit_maps;
	error = emd_gate_module_init();
	if (error)
		goto exit_queues;
	return 0;
exit_queues:
	emd_queues_module_exit();
exit_maps:
	emd_array_map_module_exit();
destroy_wq:
	destroy_workqueue(emd_config_wq);
	return error;
}

void emd_array_module_exit(void)
{
	emd_gate_module_exit();
	emd_queues_module_exit();
	emd_array_map_module_exit();
	destroy_workqueue(emd_config_wq);
}
