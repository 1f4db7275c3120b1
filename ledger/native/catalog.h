/* The catalog's sorted columns: sorting, merging and searching them. Nothing here knows Python.
 *
 * A column holds unsigned 64-bit numbers, little-endian, at any alignment. Content may be anything: columns that should be
 * sorted and are not give useless answers, and no access outside of them.
 */
#ifndef COUNTERFOIL_CATALOG_H
#define COUNTERFOIL_CATALOG_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Entries: a column of fingerprints, and one of what stands beside them. */
typedef struct {
    const unsigned char *prints, *indexes;
    size_t count;
} catalog_columns;

/* The share of a question that one chunk is asked for, and between which fingerprints the chunk lies. */
typedef struct {
    const unsigned char *chunk;
    size_t count, begin, end;
    uint64_t first, last;
} catalog_span;

/* What was found: pairs of a place in the question and an index, in the order of the search. */
typedef struct {
    uint64_t *pairs;
    size_t count, room;
} catalog_hits;

static inline uint64_t catalog_load(const unsigned char *column, size_t at)
{
    uint64_t number;
    memcpy(&number, column + 8 * at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    number = __builtin_bswap64(number);
#endif
    return number;
}

static inline void catalog_store(unsigned char *column, size_t at, uint64_t number)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    number = __builtin_bswap64(number);
#endif
    memcpy(column + 8 * at, &number, 8);
}

/* The first place from `begin` on, at most `end`, whose number is not below (or, for upper, is above) the wanted one. */
size_t catalog_lower(const unsigned char *column, size_t begin, size_t end, uint64_t wanted);
size_t catalog_upper(const unsigned char *column, size_t begin, size_t end, uint64_t wanted);

/* Sort by fingerprint, equal ones in the order given, into 16 * count bytes. 0, or -1 when memory is short. */
int catalog_sort(const catalog_columns *from, unsigned char *out);

/* Merge sorted columns into 16 * (all counts) bytes; of equal fingerprints those of earlier parts come first.
 * 0, or -1 when memory is short. */
int catalog_merge(const catalog_columns *parts, size_t part_count, unsigned char *out);

/* Look each span's share of the sorted question up in its chunk. 0, or -1 when memory is short. The hits are the caller's
 * to free, in both cases. */
int catalog_find(const unsigned char *asked, const catalog_span *spans, size_t span_count,
                 catalog_hits *hits);

#endif
