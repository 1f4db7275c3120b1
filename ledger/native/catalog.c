#include "catalog.h"

#include <stdlib.h>

/* Questions under way at a time: enough that the first has its cache line when the last has asked for its own. */
#define LANES 64
/* Steps of interpolation for each question, and entries that are then searched around the place; a power of two. */
#define STEPS 3
#define WINDOW 8
#define DIGITS 8
#define VALUES 256

typedef struct {
    unsigned char *prints, *indexes;
} target;

/* One question in one chunk. */
typedef struct {
    const unsigned char *chunk;
    size_t place;     /* of the fingerprint in the question */
    int64_t at, last; /* where it is guessed to be in the chunk, and the last place of the chunk */
    uint64_t wanted;
    uint64_t slope; /* entries for each 2^64 of fingerprints */
} lane;

size_t catalog_lower(const unsigned char *column, size_t begin, size_t end, uint64_t wanted)
{
    size_t length = end - begin;
    while (length) {
        size_t half = length / 2, below = catalog_load(column, begin + half) < wanted;
        begin += below * (half + 1);
        length = below ? length - half - 1 : half;
    }
    return begin;
}

size_t catalog_upper(const unsigned char *column, size_t begin, size_t end, uint64_t wanted)
{
    return wanted == UINT64_MAX ? end : catalog_lower(column, begin, end, wanted + 1);
}

/* One pass of a radix sort, by one byte of the fingerprint; it keeps the order of entries that are equal there. */
static void pass(const uint64_t *from, uint64_t *to, size_t count, int digit)
{
    size_t starts[VALUES] = {0}, sum = 0;
    for (size_t at = 0; at < count; at++)
        starts[from[2 * at] >> 8 * digit & 0xff]++;
    for (int value = 0; value < VALUES; value++) {
        size_t many = starts[value];
        starts[value] = sum;
        sum += many;
    }
    for (size_t at = 0; at < count; at++) {
        size_t place = starts[from[2 * at] >> 8 * digit & 0xff]++;
        to[2 * place] = from[2 * at];
        to[2 * place + 1] = from[2 * at + 1];
    }
}

static int ascending(const uint64_t *pairs, size_t count)
{
    size_t wrong = 0;
    for (size_t at = 1; at < count; at++)
        wrong += pairs[2 * at] < pairs[2 * at - 2];
    return !wrong;
}

int catalog_sort(const catalog_columns *from, unsigned char *out)
{
    size_t count = from->count;
    uint64_t *memory = count > SIZE_MAX / 64 ? NULL : malloc(32 * count + 1);
    if (!memory)
        return -1;
    uint64_t *beside = memory + 2 * count;
    for (size_t at = 0; at < count; at++) {
        memory[2 * at] = catalog_load(from->prints, at);
        memory[2 * at + 1] = catalog_load(from->indexes, at);
    }
    /* The upper half of a fingerprint nearly always tells two of a group apart. Where it does not, all of it is sorted by. */
    for (int first = DIGITS / 2; first >= 0 && !ascending(memory, count); first -= DIGITS / 2)
        for (int digit = first; digit < DIGITS; digit += 2) {
            pass(memory, beside, count, digit);
            pass(beside, memory, count, digit + 1);
        }
    for (size_t at = 0; at < count; at++) {
        catalog_store(out, at, memory[2 * at]);
        catalog_store(out + 8 * count, at, memory[2 * at + 1]);
    }
    free(memory);
    return 0;
}

static void copy(const catalog_columns *from, size_t begin, size_t end, target to, size_t at)
{
    memcpy(to.prints + 8 * at, from->prints + 8 * begin, 8 * (end - begin));
    memcpy(to.indexes + 8 * at, from->indexes + 8 * begin, 8 * (end - begin));
}

/* A merge under way: what is left of both sides, and where the next entry goes. */
typedef struct {
    const catalog_columns *older, *newer;
    size_t left, left_end, right, right_end;
} merging;

/* Move the entry that comes next, without a branch on the numbers, which nothing could predict. */
static inline void advance(merging *one, target to)
{
    size_t left = one->left, right = one->right;
    uint64_t mine = catalog_load(one->older->prints, left), theirs = catalog_load(one->newer->prints, right);
    uint64_t my_index = catalog_load(one->older->indexes, left);
    uint64_t their_index = catalog_load(one->newer->indexes, right);
    size_t newer_first = theirs < mine;
    uint64_t mask = 0 - (uint64_t)newer_first;
    catalog_store(to.prints, left + right, mine ^ ((mine ^ theirs) & mask));
    catalog_store(to.indexes, left + right, my_index ^ ((my_index ^ their_index) & mask));
    one->left = left + 1 - newer_first;
    one->right = right + newer_first;
}

static inline int both(const merging *one)
{
    return one->left < one->left_end && one->right < one->right_end;
}

static void complete(merging one, target to)
{
    while (both(&one))
        advance(&one, to);
    copy(one.older, one.left, one.left_end, to, one.left + one.right);
    copy(one.newer, one.right, one.right_end, to, one.left_end + one.right);
}

/* How many of the first `done` entries of a merge are from the older side. */
static size_t divide(const catalog_columns *older, const catalog_columns *newer, size_t done)
{
    size_t low = done > newer->count ? done - newer->count : 0;
    size_t high = done < older->count ? done : older->count;
    while (low < high) {
        size_t left = low + (high - low) / 2;
        if (catalog_load(newer->prints, done - left - 1) < catalog_load(older->prints, left))
            high = left;
        else
            low = left + 1;
    }
    return low;
}

/* Each entry has to wait for the one before. So two halves are merged side by side. */
static void merge_two(const catalog_columns *older, const catalog_columns *newer, target to)
{
    size_t half = (older->count + newer->count) / 2, left = divide(older, newer, half);
    merging lower = {older, newer, 0, left, 0, half - left};
    merging upper = {older, newer, left, older->count, half - left, newer->count};
    while (both(&lower) && both(&upper)) {
        advance(&lower, to);
        advance(&upper, to);
    }
    complete(lower, to);
    complete(upper, to);
}

static target behind(target columns, size_t count)
{
    return (target){columns.prints + 8 * count, columns.indexes + 8 * count};
}

/* Both halves are merged into the space beside the target, and from there into it; the number of entries. */
static size_t merge_all(const catalog_columns *parts, size_t part_count, target to, target beside)
{
    if (part_count == 1) {
        copy(parts, 0, parts->count, to, 0);
        return parts->count;
    }
    if (part_count == 2) {
        merge_two(parts, parts + 1, to);
        return parts[0].count + parts[1].count;
    }
    size_t half = part_count / 2;
    size_t left = merge_all(parts, half, beside, to);
    target rest = behind(beside, left);
    size_t right = merge_all(parts + half, part_count - half, rest, behind(to, left));
    catalog_columns older = {beside.prints, beside.indexes, left};
    catalog_columns newer = {rest.prints, rest.indexes, right};
    merge_two(&older, &newer, to);
    return left + right;
}

int catalog_merge(const catalog_columns *parts, size_t part_count, unsigned char *out)
{
    size_t count = 0;
    for (size_t at = 0; at < part_count; at++)
        count += parts[at].count;
    unsigned char *memory = malloc(part_count > 2 ? 16 * count + 1 : 1);
    if (!memory)
        return -1;
    if (part_count)
        merge_all(parts, part_count, (target){out, out + 8 * count},
                  (target){memory, part_count > 2 ? memory + 8 * count : memory});
    free(memory);
    return 0;
}

static int note(catalog_hits *hits, uint64_t place, uint64_t index)
{
    if (hits->count == hits->room) {
        size_t room = hits->room ? 2 * hits->room : 64;
        uint64_t *pairs = room > SIZE_MAX / 16 ? NULL : realloc(hits->pairs, 16 * room);
        if (!pairs)
            return -1;
        hits->pairs = pairs;
        hits->room = room;
    }
    hits->pairs[2 * hits->count] = place;
    hits->pairs[2 * hits->count++ + 1] = index;
    return 0;
}

/* Fingerprints are as good as evenly spread. From a known entry, the place of another is off by about the square root of
 * the number of entries between: some hundred at first, then some ten, then three. */
static void approach(lane *one)
{
    int64_t distance = (int64_t)(one->wanted - catalog_load(one->chunk, (size_t)one->at));
    int64_t at = one->at + (int64_t)((__int128)distance * (__int128)one->slope >> 64);
    at = at < 0 ? 0 : at;
    one->at = at > one->last ? one->last : at;
    __builtin_prefetch(one->chunk + 8 * one->at);
}

/* catalog_lower of a whole column, when the number at `high` is known not to be below the wanted one. */
static size_t lower_before(const unsigned char *column, size_t high, uint64_t wanted)
{
    size_t step = WINDOW;
    for (; step < high && catalog_load(column, high - step) >= wanted; step *= 2)
        high -= step;
    return catalog_lower(column, step < high ? high - step : 0, high, wanted);
}

/* The same, when the numbers before `low` are known to be below it. */
static size_t lower_behind(const unsigned char *column, size_t low, size_t count, uint64_t wanted)
{
    size_t step = WINDOW;
    for (; step < count - low && catalog_load(column, low + step) < wanted; step *= 2)
        low += step + 1;
    return catalog_lower(column, low, step < count - low ? low + step : count, wanted);
}

/* The first place whose fingerprint is not below the wanted one. What is not spread evenly, such as a term that many
 * records share, costs some steps more, and never more than twice the logarithm of the chunk. */
static size_t settle(const lane *one)
{
    const unsigned char *chunk = one->chunk;
    size_t count = (size_t)one->last + 1, at = (size_t)one->at;
    if (count < WINDOW)
        return catalog_lower(chunk, 0, count, one->wanted);
    size_t low = at > WINDOW / 2 ? at - WINDOW / 2 : 0;
    low = low > count - WINDOW ? count - WINDOW : low;
    size_t place = low;
    for (size_t half = WINDOW / 2; half; half /= 2)
        place += catalog_load(chunk, place + half - 1) < one->wanted ? half : 0;
    place += catalog_load(chunk, place) < one->wanted;
    if (place == low && low && catalog_load(chunk, low - 1) >= one->wanted)
        return lower_before(chunk, low - 1, one->wanted);
    if (place == low + WINDOW && place < count && catalog_load(chunk, place) < one->wanted)
        return lower_behind(chunk, place + 1, count, one->wanted);
    return place;
}

/* All lanes in lock-step: while one waits for memory, the others ask for theirs. */
static int finish(lane *lanes, size_t many, catalog_hits *hits)
{
    for (int step = 0; step < STEPS; step++)
        for (size_t at = 0; at < many; at++)
            approach(&lanes[at]);
    for (size_t at = 0; at < many; at++) {
        const lane *one = &lanes[at];
        size_t count = (size_t)one->last + 1;
        for (size_t place = settle(one);
             place < count && catalog_load(one->chunk, place) == one->wanted; place++)
            if (note(hits, one->place, catalog_load(one->chunk + 8 * count, place)) < 0)
                return -1;
    }
    return 0;
}

static uint64_t slope_of(const catalog_span *span)
{
    if (span->last <= span->first)
        return 0;
    double slope = (double)span->count / (double)(span->last - span->first) * 0x1p64;
    return slope < 0x1p62 ? (uint64_t)slope : 0;
}

int catalog_find(const unsigned char *asked, const catalog_span *spans, size_t span_count,
                 catalog_hits *hits)
{
    lane lanes[LANES];
    size_t many = 0;
    for (const catalog_span *span = spans; span < spans + span_count; span++) {
        if (!span->count)
            continue;
        lane one = {.chunk = span->chunk, .last = (int64_t)(span->count - 1), .slope = slope_of(span)};
        for (one.place = span->begin; one.place < span->end; one.place++) {
            one.wanted = catalog_load(asked, one.place);
            uint64_t distance = one.wanted > span->first ? one.wanted - span->first : 0;
            int64_t at = (int64_t)((unsigned __int128)distance * one.slope >> 64);
            one.at = at > one.last ? one.last : at;
            __builtin_prefetch(one.chunk + 8 * one.at);
            lanes[many++] = one;
            if (many == LANES) {
                if (finish(lanes, many, hits) < 0)
                    return -1;
                many = 0;
            }
        }
    }
    return finish(lanes, many, hits);
}
