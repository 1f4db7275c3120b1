/* What is hashed for a batch: commitments, leaves in their chain, and nodes of the tree (docs/SPEC.md). */
#ifndef COUNTERFOIL_HASHING_H
#define COUNTERFOIL_HASHING_H

#include "packed.h"
#include "sha256.h"

#define SALT_SIZE 16
#define LEAF_HEAD_SIZE 11    /* 0x00, version, kind, time */
#define RECORD_HEAD_MAX 512  /* a record before the size of its body */

/* SHA-256(0x02 | salt | record) for each; a record is head, size and body, or, with an empty head, the body alone. */
void hash_commitments(const unsigned char *salts, const unsigned char *head, size_t head_size, const packed *bodies,
                      unsigned char *out);

/* The leaf hash of each commitment: SHA-256(head | leaf hash before | commitment). */
void hash_chain(const unsigned char head[LEAF_HEAD_SIZE], const unsigned char previous[SHA256_SIZE],
                const unsigned char *commitments, size_t count, unsigned char *out);

/* The parents of neighbours: SHA-256(0x01 | left | right) for each pair. */
void hash_parents(const unsigned char *nodes, size_t pairs, unsigned char *out);

#endif
