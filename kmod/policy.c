// SPDX-License-Identifier: GPL-2.0
/*
 * Policies are struct_ops of type glassram_policy_ops. Several may be
 * registered; a session binds one by name. Unregistering a bound policy lets
 * its sessions go on, counting every write.
 *
 * Weak spot: a fault that a policy does not count has unarmed the page all the
 * same, so later writes of that epoch by other threads are not seen.
 */
#include "compat.h"

#ifdef GLASSRAM_HAS_POLICY

#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/filter.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "policy.h"
#include "session.h"

struct registered_policy {
	struct list_head list;
	struct glassram_policy_ops *ops;
};

/* Protects @policies, @bound and the policy pointer of every session. */
static DEFINE_MUTEX(policy_lock);
static LIST_HEAD(policies);
static LIST_HEAD(bound);
static bool supported;
/* The module's type information, by which programs of our type are told. */
static const struct btf *policy_btf;

static struct registered_policy *find_policy(const char *name)
{
	struct registered_policy *policy;

	lockdep_assert_held(&policy_lock);
	list_for_each_entry(policy, &policies, list)
		if (!strcmp(policy->ops->name, name))
			return policy;
	return NULL;
}

/**
 * glassram_policy_bind() - bind a policy, or none
 * @session: the session; its lock is held, or it is not visible yet
 * @name: NUL-terminated; "" unbinds
 *
 * Return: 0 or -ENOENT.
 */
int glassram_policy_bind(struct glassram_session *session, const char *name)
{
	struct registered_policy *policy = NULL;
	int ret = 0;

	mutex_lock(&policy_lock);
	if (*name) {
		policy = find_policy(name);
		if (!policy) {
			ret = -ENOENT;
			goto unlock;
		}
	}
	list_del_init(&session->policy_link);
	rcu_assign_pointer(session->policy, policy ? policy->ops : NULL);
	if (policy)
		list_add(&session->policy_link, &bound);
unlock:
	mutex_unlock(&policy_lock);
	return ret;
}

/**
 * glassram_policy_name() - name of the bound policy
 * @session: the session
 * @ret_name: GLASSRAM_POLICY_NAME_LEN bytes; "" if none is bound
 */
void glassram_policy_name(struct glassram_session *session, char *ret_name)
{
	struct glassram_policy_ops *ops;

	mutex_lock(&policy_lock);
	ops = rcu_dereference_protected(session->policy, lockdep_is_held(&policy_lock));
	memset(ret_name, 0, GLASSRAM_POLICY_NAME_LEN);
	if (ops)
		strscpy(ret_name, ops->name, GLASSRAM_POLICY_NAME_LEN);
	mutex_unlock(&policy_lock);
}

unsigned int glassram_policy_count(void)
{
	unsigned int count;

	mutex_lock(&policy_lock);
	count = list_count_nodes(&policies);
	mutex_unlock(&policy_lock);
	return count;
}

bool glassram_policy_supported(void)
{
	return supported;
}

/* Is this program of type struct_ops one for glassram_policy_ops? */
bool glassram_policy_is_ours(const struct bpf_prog *prog)
{
	return policy_btf && prog->aux->attach_btf == policy_btf;
}

static int policy_reg(void *kdata, struct bpf_link *link)
{
	struct registered_policy *policy = kzalloc(sizeof(*policy), GFP_KERNEL_ACCOUNT);
	int ret = 0;

	if (!policy)
		return -ENOMEM;
	policy->ops = kdata;
	mutex_lock(&policy_lock);
	if (find_policy(policy->ops->name))
		ret = -EEXIST;
	else
		list_add(&policy->list, &policies);
	mutex_unlock(&policy_lock);
	if (ret)
		kfree(policy);
	return ret;
}

static void policy_unreg(void *kdata, struct bpf_link *link)
{
	struct glassram_policy_ops *ops = kdata;
	struct registered_policy *policy;
	struct glassram_session *session, *next;

	mutex_lock(&policy_lock);
	policy = find_policy(ops->name);
	list_del(&policy->list);
	list_for_each_entry_safe(session, next, &bound, policy_link) {
		if (rcu_access_pointer(session->policy) != ops)
			continue;
		list_del_init(&session->policy_link);
		RCU_INIT_POINTER(session->policy, NULL);
	}
	mutex_unlock(&policy_lock);
	/* The programs go when this returns; the hook may still be inside one. */
	synchronize_rcu();
	kfree(policy);
}

static int policy_init_member(const struct btf_type *type, const struct btf_member *member,
			      void *kdata, const void *udata)
{
	const struct glassram_policy_ops *from = udata;
	struct glassram_policy_ops *to = kdata;

	if (__btf_member_bit_offset(type, member) != 8 * offsetof(typeof(*to), name))
		return 0;
	/* bpf_obj_name_cpy() is not exported; the rule is the same: a proper string. */
	if (!from->name[0] || strnlen(from->name, sizeof(from->name)) == sizeof(from->name))
		return -EINVAL;
	strscpy(to->name, from->name, sizeof(to->name));
	return 1;
}

/* Called only where the module has type information: without any, registering does nothing
 * and reports success.
 */
static int policy_btf_init(struct btf *btf)
{
	policy_btf = btf;
	supported = true;
	return 0;
}

static bool policy_is_valid_access(int off, int size, enum bpf_access_type type,
				   const struct bpf_prog *prog, struct bpf_insn_access_aux *info)
{
	return btf_ctx_access(off, size, type, prog, info);
}

static const struct bpf_verifier_ops policy_verifier_ops = {
	.get_func_proto = bpf_base_func_proto,
	.is_valid_access = policy_is_valid_access,
};

static u32 policy_stub_weight(u64 address, u32 flags, u32 hits)
{
	return 1;
}

static u32 policy_stub_owner(u64 address, u32 flags, u32 thread)
{
	return thread;
}

static struct glassram_policy_ops policy_stubs = {
	.weight = policy_stub_weight,
	.owner = policy_stub_owner,
};

static struct bpf_struct_ops policy_struct_ops = {
	.verifier_ops = &policy_verifier_ops,
	.init = policy_btf_init,
	.init_member = policy_init_member,
	.reg = policy_reg,
	.unreg = policy_unreg,
	.cfi_stubs = &policy_stubs,
	.name = "glassram_policy_ops",
	.owner = THIS_MODULE,
};

/**
 * glassram_policy_init() - offer the struct_ops type
 *
 * A kernel or module without BTF runs without policies, and QUERY says so.
 */
void glassram_policy_init(void)
{
	int ret = register_bpf_struct_ops(&policy_struct_ops, glassram_policy_ops);

	if (ret)
		supported = false;
	if (!supported)
		pr_warn("glassram: no eBPF policies on this kernel (%d): module BTF is missing\n",
			ret);
}

#endif /* GLASSRAM_HAS_POLICY */
