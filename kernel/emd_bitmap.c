// SPDX-License-Identifier: GPL-2.0-only
/* The Theory is in emd_bitmap.h. */
#include "emd_bitmap.h"

#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "core/emd_math.h"
#include "emd_array_private.h"
#include "emd_leaf.h"

/* -- writes -------------------------------------------------------------------------------------- */

static void regions_of(const struct emd_bitmap *bm, const struct emd_geometry *geo, const struct bio *bio,
		       u32 *first, u32 *last)
{
	u64 begin = bio->bi_iter.bi_sector, end = bio_end_sector(bio), row;

	if (emd_geometry_parity_disks(geo)) {
		row = emd_geometry_row_sectors(geo);
		begin = emd_div(begin, row) * geo->chunk_sectors;
		end = (emd_div(end - 1, row) + 1) * geo->chunk_sectors;
	}
	*first = min_t(u64, begin >> bm->shift, bm->regions.nr - 1);
	*last = min_t(u64, (end - 1) >> bm->shift, bm->regions.nr - 1);
}

static struct percpu_ref *join_epoch(struct emd_bitmap *bm)
{
	struct percpu_ref *writers;

	do {
		/* Who sees the new epoch sees the marks that were made before. */
		writers = &bm->writers[smp_load_acquire(&bm->epoch)].ref;
	} while (!percpu_ref_tryget_live(writers));
	smp_rmb();	/* the same for who saw its number early and found it live again; pairs with percpu_ref_reinit() */
	return writers;
}

/* Return: true if the write may pass after all. */
static bool want(struct emd_bitmap *bm, struct bio *bio, u32 first, u32 last)
{
	enum emd_regions_verdict verdict;
	unsigned long flags;

	spin_lock_irqsave(&bm->lock, flags);
	verdict = emd_regions_want(&bm->regions, first, last);
	if (!bm->durable)
		verdict = EMD_REGIONS_NEXT;
	if (verdict != EMD_REGIONS_GO) {
		if (!(bio->bi_opf & REQ_NOWAIT))
			bio_list_add(verdict == EMD_REGIONS_THIS ? &bm->now : &bm->next, bio);
		queue_work(emd_array_wq(bm->array, EMD_QUEUE_MEMBERS), &bm->commit);
	}
	spin_unlock_irqrestore(&bm->lock, flags);
	if (verdict == EMD_REGIONS_GO)
		return true;
	if (bio->bi_opf & REQ_NOWAIT)
		bio_wouldblock_error(bio);
	return false;
}

struct percpu_ref *emd_bitmap_enter(struct emd_bitmap *bm, const struct emd_geometry *geo, struct bio *bio)
{
	struct percpu_ref *writers = join_epoch(bm);
	u32 first, last;

	regions_of(bm, geo, bio, &first, &last);
	if (likely(READ_ONCE(bm->durable) && emd_regions_writable(&bm->regions, first, last)))
		return writers;
	if (want(bm, bio, first, last))
		return writers;
	percpu_ref_put(writers);
	return NULL;
}

/* -- commits ------------------------------------------------------------------------------------- */

static void release(struct emd_array *a, struct bio_list *bios, bool success)
{
	struct bio *bio;

	while ((bio = bio_list_pop(bios))) {
		if (success)
			emd_gate_punt(a, bio);
		else
			bio_io_error(bio);
	}
}

static void arm_cleaning(struct emd_bitmap *bm)
{
	if (!READ_ONCE(bm->dying))
		queue_delayed_work(emd_array_wq(bm->array, EMD_QUEUE_MEMBERS), &bm->clean,
				   READ_ONCE(bm->array->bitmap_config.time_base));
}

/* @header: what is to stand before the bits from now on; NULL: what does. Return: 0; -EIO: no member has taken it. */
static int commit(struct emd_bitmap *bm, const u8 *header)
{
	struct bio_list done;
	int error = 0;
	u32 blocks;

	mutex_lock(&bm->committing);
	if (header)
		memcpy(bm->regions.image, header, EMD_BITMAP_HEADER_BYTES);
	spin_lock_irq(&bm->lock);
	if (header)
		emd_regions_rewrite_header(&bm->regions);
	if (!bm->durable)
		emd_regions_rewrite(&bm->regions);
	bio_list_merge(&bm->now, &bm->next);
	bio_list_init(&bm->next);
	blocks = emd_regions_begin(&bm->regions);
	spin_unlock_irq(&bm->lock);
	if (blocks) {
		error = emd_bitmap_write(bm);
		WRITE_ONCE(bm->commits, bm->commits + 1);
		bm->written = true;
	}
	spin_lock_irq(&bm->lock);
	emd_regions_end(&bm->regions, !error);
	if (!error)
		WRITE_ONCE(bm->durable, true);
	done = bm->now;
	bio_list_init(&bm->now);
	spin_unlock_irq(&bm->lock);
	mutex_unlock(&bm->committing);
	release(bm->array, &done, !error);
	arm_cleaning(bm);
	return error;
}

static void commit_work(struct work_struct *work)
{
	commit(container_of(work, struct emd_bitmap, commit), NULL);
}

bool emd_bitmap_header(struct emd_bitmap *bm, u8 *header)
{
	if (!bm->regions.header)
		return false;
	mutex_lock(&bm->committing);
	memcpy(header, bm->regions.image, EMD_BITMAP_HEADER_BYTES);
	mutex_unlock(&bm->committing);
	return true;
}

int emd_bitmap_put_header(struct emd_array *a, const u8 *header)
{
	lockdep_assert_held(&a->config_mutex);
	return commit(emd_bitmap_of(a), header);
}

static void commit_now(struct emd_bitmap *bm)
{
	queue_work(emd_array_wq(bm->array, EMD_QUEUE_MEMBERS), &bm->commit);
	flush_work(&bm->commit);
}

void emd_bitmap_write_all(struct emd_array *a)
{
	struct emd_bitmap *bm = emd_bitmap_of(a);

	if (!bm)
		return;
	spin_lock_irq(&bm->lock);
	emd_regions_rewrite(&bm->regions);
	spin_unlock_irq(&bm->lock);
	commit_now(bm);
}

/* -- cleaning ------------------------------------------------------------------------------------ */

/*
 * Are there bad blocks of which nobody but the kernel knows? After the next start a member would be read there, if no bit was set; and so
 * would a replacement that had got its slot by then.
 */
static bool forgets_bad(struct emd_array *a)
{
	struct mdk_member *m;
	bool bad = false;
	int place = -1;

	if (emd_array_external(a))
		return false;
	while (!bad && (m = emd_array_next_placed(a, &place))) {
		bad = READ_ONCE(m->has_bad);
		emd_member_put(m);
	}
	return bad;
}

/* Do all members hold the same where nothing is in flight, and does whoever keeps the metadata agree? */
static bool may_clean(struct emd_array *a)
{
	struct emd_bitmap_config *c = &a->bitmap_config;

	if (emd_array_degraded(a) || emd_array_failure_unacked(a) || emd_array_broken(a) || forgets_bad(a))
		return false;
	if (!READ_ONCE(c->can_clear) && !emd_array_external(a) && !c->kept)
		WRITE_ONCE(c->can_clear, true);
	return READ_ONCE(c->can_clear);
}

/* No write from before the mark is in flight. A flush may fail a member, so the question is asked before and after. */
static void settle_idle(struct emd_bitmap *bm)
{
	struct emd_array *a = bm->array;
	bool clean = may_clean(a) && !emd_flush_members(a) && may_clean(a);
	u32 settled;

	spin_lock_irq(&bm->lock);
	settled = emd_regions_settle_idle(&bm->regions, !clean);
	spin_unlock_irq(&bm->lock);
	if (settled && clean)
		queue_work(emd_array_wq(bm->array, EMD_QUEUE_MEMBERS), &bm->commit);
}

static void writers_gone(struct percpu_ref *ref)
{
	struct emd_bitmap *bm = container_of(ref, struct emd_bitmap_epoch, ref)->bitmap;

	/* Who sees it sees what these writes have done to the members' states. */
	smp_store_release(&bm->drained, true);
	wake_up_var(&bm->drained);
}

static u32 mark_idle(struct emd_bitmap *bm)
{
	u32 marked;

	spin_lock_irq(&bm->lock);
	marked = emd_regions_mark_idle(&bm->regions);
	spin_unlock_irq(&bm->lock);
	return marked;
}

static void next_epoch(struct emd_bitmap *bm)
{
	unsigned int old = bm->epoch;

	bm->drained = false;
	bm->draining = true;
	percpu_ref_reinit(&bm->writers[!old].ref);
	/* Marks first: see join_epoch(). */
	smp_store_release(&bm->epoch, !old);
	percpu_ref_kill(&bm->writers[old].ref);
}

static void clean_work(struct work_struct *work)
{
	struct emd_bitmap *bm = container_of(work, struct emd_bitmap, clean.work);
	struct emd_array *a = bm->array;
	bool used;

	mutex_lock(&bm->cleaning);
	if (bm->draining && smp_load_acquire(&bm->drained)) {
		bm->draining = false;
		settle_idle(bm);
	}
	if (!bm->draining && emd_array_writable(a) && may_clean(a) && mark_idle(bm))
		next_epoch(bm);
	spin_lock_irq(&bm->lock);
	used = emd_regions_next(&bm->regions, 0, bm->regions.nr, EMD_REGION_SETTING) < bm->regions.nr;
	spin_unlock_irq(&bm->lock);
	if (used || bm->draining)
		arm_cleaning(bm);
	mutex_unlock(&bm->cleaning);
}

/* -- life ---------------------------------------------------------------------------------------- */

static void free_bitmap(struct emd_bitmap *bm)
{
	bioset_exit(&bm->bios);
	percpu_ref_exit(&bm->writers[0].ref);
	percpu_ref_exit(&bm->writers[1].ref);
	kvfree(bm->regions.state);
	vfree(bm->regions.image);
	kvfree(bm->regions.block);
	kfree(bm);
}

static unsigned int largest_block(struct emd_array *a)
{
	unsigned int largest = SECTOR_SIZE;
	struct mdk_member *m;
	int place = -1;

	while ((m = emd_array_next_placed(a, &place))) {
		largest = max(largest, bdev_logical_block_size(emd_member_bdev(m)));
		emd_member_put(m);
	}
	return largest;
}

static bool in_data_of(const struct mdk_member *m, const struct emd_array *a, u64 begin, u64 end)
{
	return begin < m->data_offset + a->geo.member_sectors && end > m->data_offset;
}

/* Does another array hold data there? */
static bool is_others(struct mdk_member *m, u64 begin, u64 end)
{
	bool found;

	if (m->type != MDU_MTYPE_LEAF)
		return false;
	mutex_lock(&emd_topology_mutex);
	found = emd_leaf_overlap(emd_member_leaf(m), begin, end);
	mutex_unlock(&emd_topology_mutex);
	return found;
}

/* Does it lie on every member, and beside all data? */
static int check_room(struct emd_array *a, u64 begin, u64 end)
{
	struct mdk_member *m;
	int place = -1, error = 0;

	while (!error && (m = emd_array_next_placed(a, &place))) {
		if (end > m->total_size)
			error = emd_refuse(a, -EINVAL, "%s ends before the bitmap does, at sector %llu", m->name, end);
		else if (in_data_of(m, a, begin, end) || is_others(m, begin, end))
			error = emd_refuse(a, -EINVAL, "the bitmap at sectors %llu to %llu would lie in the data on %s",
					   begin, end, m->name);
		emd_member_put(m);
	}
	return error;
}

const char *emd_bitmap_misfit(struct emd_array *a, struct mdk_member *m)
{
	const struct emd_bitmap *bm = emd_bitmap_of(a);
	u64 end;

	if (!bm)
		return NULL;
	end = bm->location + (bm->bytes >> SECTOR_SHIFT);
	if (end > m->total_size)
		return "ends before the bitmap does";
	if (in_data_of(m, a, bm->location, end))
		return "has its data where the bitmap lies";
	if (bdev_logical_block_size(emd_member_bdev(m)) > bm->grain)
		return "has larger blocks than those in which the bitmap is written";
	return NULL;
}

/* Size and place, from what was stored and what the members are. */
static int measure(struct emd_bitmap *bm)
{
	struct emd_array *a = bm->array;
	struct emd_bitmap_config *c = &a->bitmap_config;
	u64 units = a->geo.member_sectors, nr;

	if (!emd_array_redundant(a))
		return emd_refuse(a, -EINVAL, "%s has no redundancy that a bitmap could help", a->member.name);
	if (!c->chunk_bytes)
		return emd_refuse(a, -EINVAL, "bitmap/chunksize has to be stored before bitmap/location is used");
	bm->array_units = a->geo.level == 10;
	if (bm->array_units)
		units = emd_geometry_array_sectors(&a->geo);
	bm->shift = ilog2(c->chunk_bytes) - SECTOR_SHIFT;
	nr = (units + (1ULL << bm->shift) - 1) >> bm->shift;
	if (nr > EMD_BITMAP_MAX_REGIONS)
		return emd_refuse(a, -EFBIG, "%llu regions of %u bytes are too many: store a larger bitmap/chunksize", nr,
				  c->chunk_bytes);
	bm->grain = largest_block(a);
	bm->location = c->location;
	bm->regions.nr = nr;
	bm->regions.header = c->external ? 0 : EMD_BITMAP_HEADER_BYTES * 8;
	bm->regions.block_bits = bm->grain * 8;
	bm->regions.nr_blocks = emd_regions_blocks(nr, bm->regions.header, bm->regions.block_bits);
	bm->bytes = bm->regions.nr_blocks * bm->grain;
	if (c->space && bm->bytes >> SECTOR_SHIFT > c->space)
		return emd_refuse(a, -EFBIG, "the bitmap needs %u sectors, bitmap/space is %llu",
				  bm->bytes >> SECTOR_SHIFT, c->space);
	if (bm->location & ((bm->grain >> SECTOR_SHIFT) - 1))
		return emd_refuse(a, -EINVAL, "bitmap/location is not a multiple of the members' blocks of %u bytes",
				  bm->grain);
	return check_room(a, bm->location, bm->location + (bm->bytes >> SECTOR_SHIFT));
}

static int init_epochs(struct emd_bitmap *bm)
{
	int i, error = 0;

	for (i = 0; i < 2 && !error; i++) {
		bm->writers[i].bitmap = bm;
		error = percpu_ref_init(&bm->writers[i].ref, writers_gone,
					PERCPU_REF_ALLOW_REINIT | (i ? PERCPU_REF_INIT_DEAD : 0), GFP_KERNEL);
	}
	return error;
}

static int init_memory(struct emd_bitmap *bm)
{
	struct emd_regions *r = &bm->regions;

	r->state = kvzalloc(r->nr, GFP_KERNEL);
	r->image = vzalloc(round_up(bm->bytes, PAGE_SIZE));
	r->block = kvcalloc(r->nr_blocks, sizeof(*r->block), GFP_KERNEL);
	if (!r->state || !r->image || !r->block)
		return -ENOMEM;
	if (emd_bitmap_init_bios(bm) || init_epochs(bm))
		return -ENOMEM;
	return 0;
}

static void set_bits(struct emd_regions *r, u32 from)
{
	u64 bit;

	for (bit = (u64)r->header + from; bit < (u64)r->header + r->nr; bit++)
		r->image[bit >> 3] |= 1U << (bit & 7);
}

/* The first region that is to be resynced when it has a bit. */
static u32 unsynced_from(struct emd_bitmap *bm)
{
	struct emd_array *a = bm->array;

	if (a->resync_start >= a->geo.member_sectors)
		return bm->regions.nr;
	return bm->array_units ? 0 : a->resync_start >> bm->shift;
}

/* @running: for an array that was written without bitmap. What it knows of that is less than what the bits would say. */
static int load(struct emd_bitmap *bm, bool running)
{
	struct emd_array *a = bm->array;
	int differs = emd_bitmap_read(bm);
	u32 unsynced = unsynced_from(bm);

	if (differs < 0)
		return emd_refuse(a, differs, "the bitmap cannot be read from any member");
	bm->durable = !differs;
	if (running && (emd_array_degraded(a) || unsynced < bm->regions.nr)) {
		set_bits(&bm->regions, emd_array_degraded(a) ? 0 : unsynced);
		bm->durable = false;
	}
	emd_regions_load(&bm->regions, unsynced);
	/* Whoever keeps the metadata first has to record from when on bits are taken back. */
	WRITE_ONCE(a->bitmap_config.can_clear, !emd_array_degraded(a) && !emd_array_external(a));
	a->bitmap_config.kept = false;
	return 0;
}

static struct emd_bitmap *create(struct emd_array *a, bool running)
{
	struct emd_bitmap *bm = kzalloc(sizeof(*bm), GFP_KERNEL);
	int error;

	if (!bm)
		return ERR_PTR(-ENOMEM);
	bm->array = a;
	spin_lock_init(&bm->lock);
	mutex_init(&bm->committing);
	mutex_init(&bm->cleaning);
	bio_list_init(&bm->next);
	bio_list_init(&bm->now);
	INIT_WORK(&bm->commit, commit_work);
	INIT_DELAYED_WORK(&bm->clean, clean_work);
	error = measure(bm) ?: init_memory(bm) ?: load(bm, running);
	if (!error)
		return bm;
	free_bitmap(bm);
	return ERR_PTR(error);
}

/* Nobody enters it any more, and all who had have left. */
static void retire(struct emd_bitmap *bm, bool stopped)
{
	WRITE_ONCE(bm->dying, true);
	flush_work(&bm->commit);
	cancel_delayed_work_sync(&bm->clean);
	if (bm->draining)
		wait_var_event(&bm->drained, smp_load_acquire(&bm->drained));
	if (stopped && bm->written) {
		mark_idle(bm);
		settle_idle(bm);
	}
	flush_work(&bm->commit);
	bio_list_merge(&bm->now, &bm->next);
	release(bm->array, &bm->now, true);
	free_bitmap(bm);
}

int emd_bitmap_start(struct emd_array *a)
{
	struct emd_bitmap *bm;

	lockdep_assert_held(&a->config_mutex);
	if (!a->bitmap_config.location)
		return 0;
	if (rcu_access_pointer(a->reshape))
		return emd_refuse(a, -EBUSY, "a reshape cannot go on with a bitmap: store none in bitmap/location");
	bm = create(a, false);
	if (IS_ERR(bm))
		return PTR_ERR(bm);
	rcu_assign_pointer(a->bitmap, bm);
	arm_cleaning(bm);
	return 0;
}

/* Writes that have not seen it hold the map of before: when that has ended, there are none left. */
static int publish(struct emd_array *a, struct emd_bitmap *bm)
{
	struct emd_map *map = emd_map_build(a, &a->geo, a->member.pers, false);

	if (IS_ERR(map))
		return PTR_ERR(map);
	rcu_assign_pointer(a->bitmap, bm);
	emd_map_replace(a, map);
	return 0;
}

int emd_bitmap_add(struct emd_array *a)
{
	struct emd_bitmap *bm;
	int error;

	lockdep_assert_held(&a->config_mutex);
	bm = create(a, true);
	if (IS_ERR(bm))
		return PTR_ERR(bm);
	error = publish(a, bm);
	if (error) {
		free_bitmap(bm);
		return error;
	}
	/* What was written up to here has no bits: it has to stand on all members, or everything may differ. */
	if (emd_flush_members(a) || emd_array_degraded(a)) {
		spin_lock_irq(&bm->lock);
		emd_regions_want(&bm->regions, 0, bm->regions.nr - 1);
		spin_unlock_irq(&bm->lock);
		commit_now(bm);
	}
	if (!bm->durable)
		commit_now(bm);
	arm_cleaning(bm);
	return 0;
}

/* All bits are set on all members, and none is taken back any more. */
static int fill(struct emd_bitmap *bm)
{
	enum emd_regions_verdict verdict;
	int error = 0;

	/* Nothing is marked from now on but by who has asked before; and what is marked then is not settled. */
	WRITE_ONCE(bm->array->bitmap_config.can_clear, false);
	do {
		spin_lock_irq(&bm->lock);
		verdict = emd_regions_want(&bm->regions, 0, bm->regions.nr - 1);
		spin_unlock_irq(&bm->lock);
		if (verdict == EMD_REGIONS_GO && READ_ONCE(bm->durable))
			break;
		error = commit(bm, NULL);
	} while (!error);
	return error;
}

int emd_bitmap_remove(struct emd_array *a)
{
	struct emd_bitmap *bm = emd_bitmap_of(a);
	int error = 0;

	lockdep_assert_held(&a->config_mutex);
	/* Whoever keeps the metadata believes the bits until he has recorded that there are none. */
	if (emd_array_external(a) && bm->regions.header)
		error = fill(bm);
	if (error)
		return emd_refuse(a, error, "no member has taken the bits that have to stay when the bitmap goes");
	error = publish(a, NULL);
	if (!error)
		retire(bm, false);
	return error;
}

void emd_bitmap_stop(struct emd_array *a)
{
	struct emd_bitmap *bm = emd_bitmap_of(a);

	lockdep_assert_held(&a->config_mutex);
	if (!bm)
		return;
	RCU_INIT_POINTER(a->bitmap, NULL);
	retire(bm, true);
}

void emd_bitmap_set(struct emd_array *a, u32 first, u32 last)
{
	struct emd_bitmap *bm = emd_bitmap_of(a);
	enum emd_regions_verdict verdict;

	lockdep_assert_held(&a->config_mutex);
	do {
		spin_lock_irq(&bm->lock);
		verdict = emd_regions_want(&bm->regions, first, last);
		if (verdict == EMD_REGIONS_GO)
			emd_regions_unsync(&bm->regions, first, last + 1);
		spin_unlock_irq(&bm->lock);
		if (verdict != EMD_REGIONS_GO)
			commit_now(bm);
	} while (verdict != EMD_REGIONS_GO && !emd_array_broken(a));
}
