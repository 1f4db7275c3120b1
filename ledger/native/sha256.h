/* SHA-256 (FIPS 180-4) over short messages.
 *
 * Two ways to do the same: with the processor's SHA instructions where it has them, and in plain C elsewhere. Which one is
 * taken is found out once, when the module is loaded. No allocation, no global state but that choice.
 */
#ifndef COUNTERFOIL_SHA256_H
#define COUNTERFOIL_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

typedef struct {
    uint32_t state[8];
    uint64_t length;     /* bytes taken in so far */
    unsigned char tail[64];
} sha256_context;

void sha256_choose(int allow_hardware);
int sha256_uses_hardware(void);

void sha256_begin(sha256_context *context);
void sha256_update(sha256_context *context, const unsigned char *data, size_t size);
void sha256_end(sha256_context *context, unsigned char digest[SHA256_SIZE]);

#endif
