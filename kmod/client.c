// SPDX-License-Identifier: GPL-2.0
/*
 * Session fds: ATTACH, which makes or joins a session, and what can be done
 * with the fd.
 *
 * One session for each address space. Its first client owns it; the others may
 * look. Ownership passes on close.
 */
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat.h"
#include "session.h"
#include "target.h"

/* May this client change the session? */
bool glassram_client_owns(const struct glassram_client *client)
{
	return READ_ONCE(client->session->owner) == client;
}

static void add_client(struct glassram_session *session, struct glassram_client *client)
{
	spin_lock(&session->clients_lock);
	list_add_tail(&client->link, &session->clients);
	/* None, if the last one closed while this one was on its way in. */
	if (!session->owner)
		WRITE_ONCE(session->owner, client);
	spin_unlock(&session->clients_lock);
}

static void remove_client(struct glassram_session *session, struct glassram_client *client)
{
	struct glassram_client *heir = NULL;

	spin_lock(&session->clients_lock);
	list_del(&client->link);
	if (session->owner == client) {
		heir = list_first_entry_or_null(&session->clients, struct glassram_client, link);
		if (heir)
			WRITE_ONCE(heir->promoted, true);
		WRITE_ONCE(session->owner, heir);
	}
	spin_unlock(&session->clients_lock);
	if (!heir)
		return;
	glassram_events_emit(session, (struct glassram_event){ .type = GLASSRAM_EVENT_OWNER });
	wake_up_interruptible_poll(&session->wait, EPOLLPRI);
}

static void put_session(struct glassram_session *session)
{
	if (refcount_dec_and_test(&session->users))
		glassram_session_destroy(session);
}

static int client_release(struct inode *inode, struct file *file)
{
	struct glassram_client *client = file->private_data;
	struct glassram_session *session = client->session;

	remove_client(session, client);
	kfree(client);
	put_session(session);
	return 0;
}

static long client_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct glassram_client *client = file->private_data;
	unsigned int nr = _IOC_NR(cmd);
	void __user *user = (void __user *)arg;
	long ret;

	if (_IOC_TYPE(cmd) != GLASSRAM_IOCTL_TYPE)
		return -ENOTTY;
	if (nr == _IOC_NR(GLASSRAM_ADVANCE))
		return glassram_advance_ioctl(client, user);
	if (nr == _IOC_NR(GLASSRAM_EVENTS))
		return glassram_events_open(client->session, user);
	ret = glassram_control_ioctl(client, nr, user);
	return ret == -ENOTTY ? glassram_tables_ioctl(client, nr, user) : ret;
}

static __poll_t client_poll(struct file *file, poll_table *wait)
{
	struct glassram_client *client = file->private_data;
	struct glassram_session *session = client->session;
	__poll_t mask = 0;

	poll_wait(file, &session->wait, wait);
	if (READ_ONCE(session->epoch) != READ_ONCE(client->stats_epoch))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(session->stale) || READ_ONCE(client->promoted))
		mask |= EPOLLPRI;
	if (READ_ONCE(session->state) != GLASSRAM_STATE_LIVE)
		mask |= EPOLLHUP;
	return mask;
}

/* Takes no lock of ours: it runs under mmap_lock. */
static int client_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct glassram_client *client = file->private_data;

	if (vma->vm_pgoff || vma_pages(vma) != 1 || !(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	vm_flags_mod(vma, VM_DONTEXPAND, VM_MAYWRITE);
	return vm_insert_page(vma, vma->vm_start, client->session->control_page);
}

static const struct file_operations client_fops = {
	.owner = THIS_MODULE,
	.release = client_release,
	.unlocked_ioctl = client_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = client_poll,
	.mmap = client_mmap,
};

/* Return: the new fd, which has a count in @session->users of its own. */
static int make_client(struct glassram_session *session)
{
	struct glassram_client *client = kzalloc(sizeof(*client), GFP_KERNEL_ACCOUNT);
	struct file *file;
	int fd, ret;

	if (!client)
		return -ENOMEM;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		ret = fd;
		goto free_client;
	}
	client->session = session;
	client->uid = current_euid();
	client->privileged = capable(CAP_SYS_PTRACE);
	client->stats_epoch = READ_ONCE(session->epoch);
	file = anon_inode_getfile("[glassram]", &client_fops, client, O_RDWR);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		put_unused_fd(fd);
		goto free_client;
	}
	/* The file owns the client from here. */
	refcount_inc(&session->users);
	add_client(session, client);
	fd_install(fd, file);
	return fd;

free_client:
	kfree(client);
	return ret;
}

static int create(const struct glassram_identity *identity, struct glassram_work *work)
{
	struct glassram_session *session = glassram_session_alloc();
	struct glassram_mm *target;
	int ret;

	if (!session)
		return -ENOMEM;
	ret = glassram_session_add_target(session, identity, work, &target);
	if (!ret) {
		glassram_session_update_control(session);
		ret = make_client(session);
	}
	put_session(session);
	return ret;
}

/*
 * Who joins sees all targets, and proved the right to see one: for more than one
 * it must be somebody who could have attached to what the owner attached to.
 */
static bool may_join(struct glassram_session *session)
{
	bool same_user;

	if (session->nr_targets == 1 || capable(CAP_SYS_PTRACE))
		return true;
	spin_lock(&session->clients_lock);
	same_user = session->owner && uid_eq(session->owner->uid, current_euid());
	spin_unlock(&session->clients_lock);
	return same_user;
}

static int join(struct glassram_session *session)
{
	int ret;

	/* Held, so that no target comes in between. */
	if (mutex_lock_killable(&session->lock))
		return -EINTR;
	if (READ_ONCE(session->state) == GLASSRAM_STATE_FAILED)
		ret = -EBUSY;
	else if (!may_join(session))
		ret = -EPERM;
	else
		ret = make_client(session);
	mutex_unlock(&session->lock);
	return ret;
}

/**
 * glassram_attach() - ATTACH
 * @args: the caller's arguments, flags and pads checked
 * Return: the session fd, or an error as documented in the UAPI header.
 */
int glassram_attach(const struct glassram_attach *args)
{
	struct glassram_identity identity;
	struct glassram_session *session;
	struct glassram_work work;
	int ret;

	ret = glassram_work_init(&work, args->work, args->work_len);
	if (ret)
		return ret;
	ret = glassram_identify(args->pid, args->mem_fd, args->pagemap_fd, args->clear_refs_fd,
				&identity);
	if (ret)
		return ret;
	do {
		session = NULL;
		if (args->flags & GLASSRAM_ATTACH_SHARED)
			session = glassram_fault_find(identity.mm);
		if (session) {
			ret = join(session);
			put_session(session);
		} else {
			ret = create(&identity, &work);
		}
		/* Watched by now, or still: by a session that others are closing. */
	} while (ret == -EEXIST && args->flags & GLASSRAM_ATTACH_SHARED &&
		 !signal_pending(current) && !msleep_interruptible(1));
	glassram_identity_put(&identity);
	return ret == -EEXIST ? -EBUSY : ret;
}
