#include "hashing.h"

#include <string.h>

enum {
    COMMITMENT = 0x02,
    NODE = 0x01,
    COMMITMENT_HEAD_MAX = 1 + SALT_SIZE + RECORD_HEAD_MAX + 5, /* a size has at most five bytes */
    LANE_SIZE = 2048, /* a message of up to this, with its padding, is hashed beside another one */
};

typedef struct {
    unsigned char message[LANE_SIZE];
    size_t blocks;
    unsigned char *digest;
} lane;

static size_t begin_commitment(unsigned char *out, const unsigned char *salt, const unsigned char *head,
                               size_t head_size, size_t body_size)
{
    unsigned char *at = out;
    *at++ = COMMITMENT;
    memcpy(at, salt, SALT_SIZE);
    at += SALT_SIZE;
    if (head_size) {
        memcpy(at, head, head_size);
        at = write_varint(at + head_size, (uint32_t)body_size);
    }
    return (size_t)(at - out);
}

void hash_commitments(const unsigned char *salts, const unsigned char *head, size_t head_size, const packed *bodies,
                      unsigned char *out)
{
    lane lanes[2];
    int waiting = 0;
    for (size_t at = 0; at < bodies->count; at++) {
        span body = packed_item(bodies, at);
        lane *next = &lanes[waiting];
        size_t begun = begin_commitment(next->message, salts + SALT_SIZE * at, head, head_size, body.size);
        next->digest = out + SHA256_SIZE * at;
        if (body.size > LANE_SIZE - COMMITMENT_HEAD_MAX - SHA256_PADDING_MAX) {
            sha256_long(next->message, begun, body.data, body.size, next->digest);
            continue;
        }
        memcpy(next->message + begun, body.data, body.size);
        next->blocks = sha256_pad(next->message, begun + body.size);
        if (waiting)
            sha256_two(lanes[0].message, lanes[0].blocks, lanes[0].digest, lanes[1].message, lanes[1].blocks,
                       lanes[1].digest);
        waiting = !waiting;
    }
    if (waiting)
        sha256_one(lanes[0].message, lanes[0].blocks, lanes[0].digest);
}

void hash_chain(const unsigned char head[LEAF_HEAD_SIZE], const unsigned char previous[SHA256_SIZE],
                const unsigned char *commitments, size_t count, unsigned char *out)
{
    unsigned char message[2 * SHA256_BLOCK];
    unsigned char *chained = message + LEAF_HEAD_SIZE, *commitment = chained + SHA256_SIZE;
    memcpy(message, head, LEAF_HEAD_SIZE);
    memcpy(chained, previous, SHA256_SIZE);
    /* Every leaf has the same size, hence the same padding. */
    size_t blocks = sha256_pad(message, LEAF_HEAD_SIZE + 2 * SHA256_SIZE);
    for (size_t at = 0; at < count; at++) {
        memcpy(commitment, commitments + SHA256_SIZE * at, SHA256_SIZE);
        /* The leaf hash is what the next leaf holds as its previous one. */
        sha256_one(message, blocks, chained);
        memcpy(out + SHA256_SIZE * at, chained, SHA256_SIZE);
    }
}

void hash_parents(const unsigned char *nodes, size_t pairs, unsigned char *out)
{
    enum { CHILDREN = 2 * SHA256_SIZE };
    unsigned char messages[2][2 * SHA256_BLOCK] = {{NODE}, {NODE}};
    size_t blocks = sha256_pad(messages[0], 1 + CHILDREN), at = 0;
    sha256_pad(messages[1], 1 + CHILDREN);
    for (; at + 1 < pairs; at += 2) {
        memcpy(messages[0] + 1, nodes + CHILDREN * at, CHILDREN);
        memcpy(messages[1] + 1, nodes + CHILDREN * (at + 1), CHILDREN);
        sha256_two(messages[0], blocks, out + SHA256_SIZE * at, messages[1], blocks, out + SHA256_SIZE * (at + 1));
    }
    if (at < pairs) {
        memcpy(messages[0] + 1, nodes + CHILDREN * at, CHILDREN);
        sha256_one(messages[0], blocks, out + SHA256_SIZE * at);
    }
}
