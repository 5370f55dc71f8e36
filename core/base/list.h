/* core/base/list.h - intrusive doubly linked list; the head is a node of its own.
 *
 * Owner:   whoever embeds the nodes; the list frees nothing.   Thread: one.
 */
#ifndef BF_CORE_BASE_LIST_H
#define BF_CORE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct bf_list {
	struct bf_list *prev;
	struct bf_list *next;
};

#define BF_CONTAINER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* Walk the elements; the current one may be removed inside the body. */
#define BF_LIST_EACH(item, head, type, member)                                               \
	for (struct bf_list *item##_at = (head)->next, *item##_next = item##_at->next;       \
		item##_at != (head); item##_at = item##_next, item##_next = item##_at->next) \
		for (type *item = BF_CONTAINER(item##_at, type, member); item; item = NULL)

/* A head or a node in no list points at itself. */
static inline void bf_list_init(struct bf_list *node)
{
	node->prev = node;
	node->next = node;
}

static inline bool bf_list_is_empty(const struct bf_list *head)
{
	return head->next == head;
}

static inline void bf_list_append(struct bf_list *head, struct bf_list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Safe on a node that is in no list. */
static inline void bf_list_remove(struct bf_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	bf_list_init(node);
}

/* The first node, or NULL. */
static inline struct bf_list *bf_list_first(const struct bf_list *head)
{
	return bf_list_is_empty(head) ? NULL : head->next;
}

#endif
