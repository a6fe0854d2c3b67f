/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attributes: one kind of directory and one kind of attribute for arrays and members.
 *
 * An array has the directories md/ (md's ABI) and emd/ (ours) under its disk, and each of
 * its members dev-X in both. A store needs CAP_SYS_ADMIN (EACCES), fails with ENODEV once
 * the array is on its way out, and runs under the array's config_mutex unless it says
 * EMD_ATTR_UNLOCKED. A store that fails changes nothing and says why with emd_refuse().
 */
#ifndef _EMD_ARRAY_SYSFS_H
#define _EMD_ARRAY_SYSFS_H

#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "emd_array.h"

/**
 * struct emd_attr - an attribute of an array (show, store) or of a member (member_*)
 * @flags: EMD_ATTR_UNLOCKED, EMD_ATTR_SETTLE
 *
 * show: no lock is held. Return as in sysfs.
 */
struct emd_attr {
	struct attribute attr;
	unsigned int flags;
	ssize_t (*show)(struct emd_array *a, char *page);
	ssize_t (*store)(struct emd_array *a, const char *page, size_t len);
	ssize_t (*member_show)(struct mdk_member *m, char *page);
	/* @a is the parent, whose config_mutex is held. */
	ssize_t (*member_store)(struct emd_array *a, struct mdk_member *m, const char *page, size_t len);
};

#define EMD_ATTR_UNLOCKED	0x1	/* the store takes what locks it needs */
/* The store may make attributes appear or vanish, and returns when they have. Not for those that vanish. */
#define EMD_ATTR_SETTLE		0x2

/* The functions are NAME_show and NAME_store, as with the kernel's own macros. */
#define EMD_ATTR_RO(_name)						\
	static struct emd_attr _name##_attr = {				\
		.attr = { .name = __stringify(_name), .mode = 0444 },	\
		.show = _name##_show }
#define EMD_ATTR_RW_FLAGS(_name, _flags)				\
	static struct emd_attr _name##_attr = {				\
		.attr = { .name = __stringify(_name), .mode = 0644 },	\
		.flags = _flags, .show = _name##_show, .store = _name##_store }
#define EMD_ATTR_RW(_name)	EMD_ATTR_RW_FLAGS(_name, 0)
#define EMD_ATTR_WO(_name)						\
	static struct emd_attr _name##_attr = {				\
		.attr = { .name = __stringify(_name), .mode = 0200 },	\
		.store = _name##_store }
#define EMD_MEMBER_ATTR_RO(_name)					\
	static struct emd_attr _name##_attr = {				\
		.attr = { .name = __stringify(_name), .mode = 0444 },	\
		.member_show = _name##_show }
#define EMD_MEMBER_ATTR_RW(_name)					\
	static struct emd_attr _name##_attr = {				\
		.attr = { .name = __stringify(_name), .mode = 0644 },	\
		.member_show = _name##_show, .member_store = _name##_store }

/**
 * struct emd_dir - a directory in sysfs
 * @member: whose; the directory keeps its memory
 */
struct emd_dir {
	struct kobject kobj;
	struct mdk_member *member;
};

/** emd_dir_create() - directory @name in @parent with @groups (NULL-terminated) for @m. Process context. Return: dir or ERR_PTR. */
struct emd_dir *emd_dir_create(struct mdk_member *m, struct kobject *parent, const char *name,
			       const struct attribute_group *const *groups);

/** emd_dir_remove() - waits for attribute functions under way; @dir may be NULL. Not from one of them. */
void emd_dir_remove(struct emd_dir *dir);

/** emd_array_notify() - wake the pollers of attribute @attr in md/. Context: may sleep. */
void emd_array_notify(struct emd_array *a, const char *attr);

/** emd_member_notify() - wake the pollers of md/dev-X/@attr. Context: may sleep. */
void emd_member_notify(struct mdk_member *m, const char *attr);

/* The groups, by file. emd_array_attr_group and emd_redundancy_attr_group: md/ of an array, the second only while the level is redundant. */
extern const struct attribute_group emd_array_attr_group;
extern const struct attribute_group emd_geometry_attr_group;
extern const struct attribute_group emd_redundancy_attr_group;
extern const struct attribute_group emd_own_attr_group;		/* emd/ of an array */
extern const struct attribute_group emd_node_attr_group;	/* emd/ of an array and emd/dev-X alike */
extern const struct attribute_group emd_bitmap_attr_group;	/* md/bitmap/ */
extern const struct attribute_group emd_bitmap_set_attr_group;	/* md/ */
extern const struct attribute_group emd_bitmap_own_attr_group;	/* emd/ */
extern const struct attribute_group emd_member_attr_group;	/* md/dev-X */
extern const struct attribute_group emd_member_log_attr_group;
extern const struct attribute_group emd_log_attr_group;		/* md/ppl_header, which is not md's */
extern const struct attribute_group emd_member_own_attr_group;	/* emd/dev-X */

/**
 * emd_parse_sectors() - a plain number with at most one newline behind it
 * @none: a word that stands for EMD_POS_MAX ("none", "max"), or NULL
 * Return: 0 or -EINVAL.
 */
int emd_parse_sectors(const char *page, const char *none, u64 *value);

/** emd_parse_seconds() - seconds with up to three decimals, as milliseconds. Return: 0 or -EINVAL. */
int emd_parse_seconds(const char *page, unsigned int *ms);

/** emd_word_is() - is the text @word, with at most one newline behind it? */
bool emd_word_is(const char *page, const char *word);

#endif
