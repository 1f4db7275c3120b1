#include "catalog_module.h"

#include <stdlib.h>

#include "catalog.h"

/* Buffers that are held while their bytes are used, and what is asked of each. */
typedef struct {
    Py_buffer *views;
    catalog_span *spans;
    size_t count, room;
} holding;

static int begin_holding(holding *held, size_t room)
{
    *held = (holding){calloc(room + 1, sizeof *held->views), calloc(room + 1, sizeof *held->spans), 0, room};
    if (held->views && held->spans)
        return 0;
    PyErr_NoMemory();
    return -1;
}

static void end_holding(holding *held)
{
    for (size_t at = 0; at < held->count; at++)
        PyBuffer_Release(&held->views[at]);
    free(held->views);
    free(held->spans);
}

/* Hold one more buffer, with an empty span for it. */
static catalog_span *hold(holding *held, PyObject *object, size_t *size)
{
    Py_buffer *view = &held->views[held->count];
    if (held->count == held->room) {
        PyErr_SetString(PyExc_RuntimeError, "more chunks than were counted");
        return NULL;
    }
    if (PyObject_GetBuffer(object, view, PyBUF_SIMPLE) < 0)
        return NULL;
    *size = (size_t)view->len;
    held->spans[held->count].chunk = view->buf;
    return &held->spans[held->count++];
}

static PyObject *new_entries(size_t count, unsigned char **data)
{
    if (count > (size_t)PY_SSIZE_T_MAX / 16)
        return PyErr_NoMemory();
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(16 * count));
    *data = bytes ? (unsigned char *)PyBytes_AsString(bytes) : NULL;
    return bytes;
}

/* What was made, or, when memory was short, an exception. */
static PyObject *unless(int failed, PyObject *made)
{
    if (!failed)
        return made;
    Py_DecRef(made);
    return PyErr_NoMemory();
}

PyObject *sort_entries(PyObject *module, PyObject *args)
{
    Py_buffer prints, indexes;
    PyObject *made = NULL;
    (void)module;
    if (!PyArg_ParseTuple(args, "y*y*", &prints, &indexes))
        return NULL;
    if (prints.len % 8 || prints.len != indexes.len) {
        PyErr_Format(PyExc_ValueError, "%zd bytes of fingerprints, %zd of indexes", prints.len, indexes.len);
        goto done;
    }
    catalog_columns from = {prints.buf, indexes.buf, (size_t)prints.len / 8};
    unsigned char *data;
    made = new_entries(from.count, &data);
    if (made) {
        int failed;
        Py_BEGIN_ALLOW_THREADS
        failed = catalog_sort(&from, data);
        Py_END_ALLOW_THREADS
        made = unless(failed, made);
    }
done:
    PyBuffer_Release(&prints);
    PyBuffer_Release(&indexes);
    return made;
}

/* Hold the chunk of one (chunk, begin, end), and say where its share lies. */
static int hold_part(holding *held, PyObject *part, catalog_columns *columns)
{
    PyObject *chunk;
    Py_ssize_t begin, end;
    size_t size;
    if (!PyTuple_Check(part)) {
        PyErr_SetString(PyExc_TypeError, "a part is a tuple of chunk, begin and end");
        return -1;
    }
    if (!PyArg_ParseTuple(part, "Onn", &chunk, &begin, &end))
        return -1;
    const catalog_span *span = hold(held, chunk, &size);
    if (!span)
        return -1;
    if (size % 16 || begin < 0 || begin > end || (size_t)end > size / 16) {
        PyErr_Format(PyExc_ValueError, "no entries %zd to %zd in %zu bytes", begin, end, size);
        return -1;
    }
    const unsigned char *prints = span->chunk + 8 * begin;
    *columns = (catalog_columns){prints, prints + size / 2, (size_t)(end - begin)};
    return 0;
}

PyObject *merge_entries(PyObject *module, PyObject *args)
{
    PyObject *sequence, *made = NULL;
    holding held = {0};
    (void)module;
    if (!PyArg_ParseTuple(args, "O", &sequence) || !(sequence = PySequence_Tuple(sequence)))
        return NULL;
    size_t part_count = (size_t)PyTuple_Size(sequence), count = 0;
    catalog_columns *parts = calloc(part_count + 1, sizeof *parts);
    if (!parts) {
        PyErr_NoMemory();
        goto done;
    }
    if (begin_holding(&held, part_count) < 0)
        goto done;
    for (size_t at = 0; at < part_count; at++) {
        if (hold_part(&held, PyTuple_GetItem(sequence, (Py_ssize_t)at), &parts[at]) < 0)
            goto done;
        /* The same chunk may be named often: the sum could be more than any memory holds. */
        if (parts[at].count > SIZE_MAX / 32 - count) {
            PyErr_NoMemory();
            goto done;
        }
        count += parts[at].count;
    }
    unsigned char *data;
    made = new_entries(count, &data);
    if (made) {
        int failed;
        Py_BEGIN_ALLOW_THREADS
        failed = catalog_merge(parts, part_count, data);
        Py_END_ALLOW_THREADS
        made = unless(failed, made);
    }
done:
    free(parts);
    end_holding(&held);
    Py_DecRef(sequence);
    return made;
}

typedef struct {
    const unsigned char *column;
    size_t count;
} numbers;

typedef struct {
    unsigned long long number;
    Py_ssize_t count;
    PyObject *fences, *chunks;
} run;

static int parse_run(PyObject *tuple, run *parsed)
{
    if (!PyTuple_Check(tuple)) {
        PyErr_SetString(PyExc_TypeError, "a run is a tuple of number, count, fences and chunks");
        return -1;
    }
    if (!PyArg_ParseTuple(tuple, "KnOO", &parsed->number, &parsed->count, &parsed->fences, &parsed->chunks))
        return -1;
    if (parsed->count >= 0 && PyTuple_Check(parsed->chunks))
        return 0;
    PyErr_SetString(PyExc_ValueError, "a run has a count of at least 0 and a tuple of chunks");
    return -1;
}

/* Hold a chunk of a run, and make sure that it is there and has the size that it must have. */
static catalog_span *hold_chunk(holding *held, const run *asked, size_t chunk, size_t entries)
{
    size_t size;
    catalog_span *span = NULL;
    if (chunk < (size_t)PyTuple_Size(asked->chunks)) {
        span = hold(held, PyTuple_GetItem(asked->chunks, (Py_ssize_t)chunk), &size);
        if (!span)
            return NULL;
    }
    if (span && size % 16 == 0 && size / 16 == entries) {
        span->count = entries;
        return span;
    }
    PyErr_Format(PyExc_ValueError, "chunk %zu of catalog run %llu is missing or damaged", chunk,
                 asked->number);
    return NULL;
}

/* Share the question out among the chunks of a run. A chunk lies between its fence and the next, both included: equal
 * fingerprints may stand on both sides of a fence. */
static int plan_run(holding *held, const run *asked, size_t chunk_count, numbers question, numbers fences)
{
    size_t chunk = 0, begin = 0;
    if (fences.count)
        begin = catalog_lower(question.column, 0, question.count, catalog_load(fences.column, 0));
    for (; chunk < fences.count && begin < question.count; chunk++) {
        /* Chunks that end below the next fingerprint are passed over. */
        uint64_t wanted = catalog_load(question.column, begin);
        chunk = catalog_lower(fences.column, chunk + 1, fences.count, wanted) - 1;
        size_t before = chunk * chunk_count, left = (size_t)asked->count;
        left = before < left ? left - before : 0;
        catalog_span *span = hold_chunk(held, asked, chunk, left < chunk_count ? left : chunk_count);
        if (!span)
            return -1;
        span->first = catalog_load(fences.column, chunk);
        span->last = UINT64_MAX;
        span->begin = begin;
        span->end = question.count;
        if (chunk + 1 < fences.count) {
            span->last = catalog_load(fences.column, chunk + 1);
            span->end = catalog_upper(question.column, begin, question.count, span->last);
            begin = catalog_lower(question.column, begin, span->end, span->last);
        } else if (span->count) {
            span->last = catalog_load(span->chunk, span->count - 1);
        }
    }
    return 0;
}

static int plan(holding *held, PyObject *tuple, size_t chunk_count, numbers question)
{
    run asked;
    Py_buffer view;
    int failed = -1;
    if (parse_run(tuple, &asked) < 0 || PyObject_GetBuffer(asked.fences, &view, PyBUF_SIMPLE) < 0)
        return -1;
    if (view.len % 8)
        PyErr_Format(PyExc_ValueError, "fences of %zd bytes", view.len);
    else
        failed = plan_run(held, &asked, chunk_count, question, (numbers){view.buf, (size_t)view.len / 8});
    PyBuffer_Release(&view);
    return failed;
}

/* Room for all chunks of all runs. */
static int begin_plan(holding *held, PyObject *runs)
{
    size_t room = 0;
    run asked;
    for (Py_ssize_t at = 0; at < PyTuple_Size(runs); at++) {
        if (parse_run(PyTuple_GetItem(runs, at), &asked) < 0)
            return -1;
        room += (size_t)PyTuple_Size(asked.chunks);
    }
    return begin_holding(held, room);
}

static PyObject *pack_hits(const catalog_hits *hits)
{
    unsigned char *data;
    PyObject *made = new_entries(hits->count, &data);
    for (size_t at = 0; made && at < hits->count; at++) {
        catalog_store(data, at, hits->pairs[2 * at]);
        catalog_store(data + 8 * hits->count, at, hits->pairs[2 * at + 1]);
    }
    return made;
}

PyObject *find_entries(PyObject *module, PyObject *args)
{
    Py_buffer question;
    Py_ssize_t chunk_count;
    PyObject *runs, *made = NULL;
    holding held = {0};
    catalog_hits hits = {0};
    (void)module;
    if (!PyArg_ParseTuple(args, "y*On", &question, &runs, &chunk_count))
        return NULL;
    runs = PySequence_Tuple(runs);
    if (!runs)
        goto done;
    if (question.len % 8 || chunk_count < 1 || chunk_count > PY_SSIZE_T_MAX / 16) {
        PyErr_Format(PyExc_ValueError, "a question of %zd bytes, chunks of %zd", question.len, chunk_count);
        goto done;
    }
    numbers asked = {question.buf, (size_t)question.len / 8};
    if (begin_plan(&held, runs) < 0)
        goto done;
    for (Py_ssize_t at = 0; at < PyTuple_Size(runs); at++)
        if (plan(&held, PyTuple_GetItem(runs, at), (size_t)chunk_count, asked) < 0)
            goto done;
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = catalog_find(asked.column, held.spans, held.count, &hits);
    Py_END_ALLOW_THREADS
    made = failed ? PyErr_NoMemory() : pack_hits(&hits);
done:
    free(hits.pairs);
    end_holding(&held);
    Py_DecRef(runs);
    PyBuffer_Release(&question);
    return made;
}
