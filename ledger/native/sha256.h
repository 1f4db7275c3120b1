/* SHA-256 (FIPS 180-4) over short messages, one at a time or two beside each other.
 *
 * Two ways to do the same: with the processor's SHA instructions where it has them, and in plain C elsewhere. Which one is
 * taken is found out once, when the module is loaded. Each instruction waits for the one before it, so that a second,
 * independent message costs little more than the first. No allocation, no global state but that choice.
 */
#ifndef COUNTERFOIL_SHA256_H
#define COUNTERFOIL_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32
#define SHA256_BLOCK 64
/* What padding adds to a message at most. */
#define SHA256_PADDING_MAX (SHA256_BLOCK + 8)

void sha256_choose(int allow_hardware);
int sha256_uses_hardware(void);

/* Pad a whole message where it lies; it must have room for SHA256_PADDING_MAX more. Returns its size in blocks. */
size_t sha256_pad(unsigned char *message, size_t size);

/* Hashes of one or two padded messages. */
void sha256_one(const unsigned char *blocks, size_t count, unsigned char digest[SHA256_SIZE]);
void sha256_two(const unsigned char *blocks_a, size_t count_a, unsigned char digest_a[SHA256_SIZE],
                const unsigned char *blocks_b, size_t count_b, unsigned char digest_b[SHA256_SIZE]);

/* The hash of a head and a body behind it, of any sizes, without putting them together. */
void sha256_long(const unsigned char *head, size_t head_size, const unsigned char *body, size_t body_size,
                 unsigned char digest[SHA256_SIZE]);

#endif
