#include "fingerprint.h"

#include <string.h>

static uint64_t load(const unsigned char *at)
{
    uint64_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

uint64_t fingerprint(const unsigned char *keys, span text)
{
    /* Unsigned numbers wrap modulo 2^64, as the hash wants. */
    uint64_t mixed = load(keys);
    for (size_t at = 0; at < text.size; at++)
        mixed += text.data[at] * load(keys + 8 * (at + 1));
    mixed ^= mixed >> 33;
    mixed *= 0xFF51AFD7ED558CCDull;
    return mixed ^ mixed >> 33;
}
