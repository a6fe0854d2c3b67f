/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/emdstat, in the layout of /proc/mdstat; poll() reports arrays that come, change and go. */
#ifndef _EMD_PROC_H
#define _EMD_PROC_H

int emd_proc_module_init(void);
void emd_proc_module_exit(void);

#endif
