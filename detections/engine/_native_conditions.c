/* Conditions of rules: compiled to nodes and atoms when a rule is first a candidate, and asked of the event in the arena.
 *
 * An atom that several rules share is answered once an event; what is not known here is asked of the simple predicates.
 */
#include "_native.h"

static int new_node(Matcher *m, int op, int first, int count) {
    if (grow(&m->nodes, sizeof(Node), 1)) return -1;
    AT(m->nodes, Node, m->nodes.count) = (Node){op, first, count};
    return (int)m->nodes.count++;
}

static int is_foreign(Matcher *m, PyObject *names) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names); i++) {
        int found = PySet_Contains(m->unsearched, PyList_GET_ITEM(names, i));
        if (!found) found = PySet_Contains(m->virtuals, PyList_GET_ITEM(names, i));
        if (found) return found;
    }
    return 0;
}

/* Decide how an atom is asked here; FOREIGN is left to Python. -1 is an error. */
static int atom_kind(Matcher *m, PyObject *names, const char *kind, PyObject *operand, int *start, int *end) {
    Py_ssize_t text = PyUnicode_Check(operand) ? PyUnicode_GET_LENGTH(operand) : -1;
    *start = *end = 0;
    if (!PyList_GET_SIZE(names)) return text > 0 && !strcmp(kind, "word") ? WORD : FOREIGN;
    int foreign = is_foreign(m, names);
    if (foreign) return foreign < 0 ? -1 : FOREIGN;
    if (text > 0 && frames(kind, start, end)) return CONTAINS;
    if (text == 0 && !strcmp(kind, "eq")) return EMPTY;
    if (!strcmp(kind, "null")) return NONE;
    if (!strcmp(kind, "present")) return SOME;
    if (!strcmp(kind, "exists") && PyBool_Check(operand)) return operand == Py_True ? SOME : NONE;
    return FOREIGN;
}

static int new_atom(Matcher *m, PyObject *node) {
    PyObject *names = PyList_GET_ITEM(node, 1), *kind = PyList_GET_ITEM(node, 2), *operand = PyList_GET_ITEM(node, 3);
    if (!PyList_Check(names) || !PyUnicode_Check(kind)) { PyErr_SetString(PyExc_ValueError, "no atom"); return -1; }
    const char *word = PyUnicode_AsUTF8(kind);
    Atom a = {0}; int start, end;
    if (!word || (a.op = atom_kind(m, names, word, operand, &start, &end)) < 0) return -1;
    PyObject *key = a.op == FOREIGN ? NULL : Py_BuildValue("(NOO)", PyList_AsTuple(names), kind, operand);
    if (a.op != FOREIGN) {
        if (!key) return -1;
        PyObject *known = PyDict_GetItemWithError(m->atom_ids, key);
        if (known || PyErr_Occurred()) { Py_DECREF(key); return known ? (int)PyLong_AsLong(known) : -1; }
    }
    if (a.op == FOREIGN) {
        a.node = Py_NewRef(node);                       /* its predicate is made when it is first asked */
    } else {
        size_t at = a.op == CONTAINS || a.op == WORD ? add_text(m, operand, start, end, &a.len) : 0;
        if (at == (size_t)-1 || (a.field0 = add_fields(m, names, &a.fields)) < 0) { Py_DECREF(key); return -1; }
        a.text = (uint32_t)at;
        if (a.op == WORD) m->anywhere = 1;              /* every value counts from now on */
    }
    int id = (int)m->atoms.count;
    PyObject *number = key ? PyLong_FromLong(id) : NULL;
    int failed = (key && (!number || PyDict_SetItem(m->atom_ids, key, number))) || grow(&m->atoms, sizeof(Atom), 1);
    Py_XDECREF(key); Py_XDECREF(number);
    if (failed) { Py_XDECREF(a.node); return -1; }
    AT(m->atoms, Atom, m->atoms.count++) = a;
    return id;
}

static int compile(Matcher *m, PyObject *node) {
    if (!PyList_Check(node) || PyList_GET_SIZE(node) < 2 || !PyUnicode_Check(PyList_GET_ITEM(node, 0))) { PyErr_SetString(PyExc_ValueError, "no tree"); return -1; }
    const char *kind = PyUnicode_AsUTF8(PyList_GET_ITEM(node, 0));
    if (!kind) return -1;
    if (!strcmp(kind, "atom") && PyList_GET_SIZE(node) == 4) {
        int atom = new_atom(m, node);
        return atom < 0 ? -1 : new_node(m, ATOM, atom, 0);
    }
    int op = !strcmp(kind, "and") ? AND : !strcmp(kind, "or") ? OR : !strcmp(kind, "not") ? NOT : -1;
    PyObject *children = PyList_GET_ITEM(node, 1);
    if (op < 0 || !PyList_Check(children) || m->depth >= DEEPEST) { PyErr_SetString(PyExc_ValueError, "no tree, or too deep"); return -1; }
    Py_ssize_t n = op == NOT ? 1 : PyList_GET_SIZE(children);
    int *made = PyMem_Malloc(sizeof(int) * (n + 1));
    if (!made) { PyErr_NoMemory(); return -1; }
    m->depth++;
    for (Py_ssize_t i = 0; i < n; i++)
        if ((made[i] = compile(m, op == NOT ? children : PyList_GET_ITEM(children, i))) < 0) { m->depth--; PyMem_Free(made); return -1; }
    m->depth--;
    int first = (int)m->links.count;
    if (grow(&m->links, sizeof(int), n + 1)) { PyMem_Free(made); return -1; }
    memcpy((int *)m->links.items + first, made, n * sizeof(int));
    m->links.count += n;
    PyMem_Free(made);
    return new_node(m, op, first, (int)n);
}

int root_of(Matcher *m, int rule) {
    if (m->roots[rule] >= 0) return m->roots[rule];
    PyObject *tree = PyObject_CallFunction(m->tree_of, "i", rule);
    if (!tree) return -1;
    m->depth = 0;
    int root = compile(m, tree);
    Py_DECREF(tree);
    if (root >= 0) m->roots[rule] = root;
    return root;
}

/* ---- asked of one event ------------------------------------------------------------------------------------------- */

/* In a long arena a text is looked up where those three bytes of it stand that stand in its field least often. */
static uint32_t three(const uint8_t *p, int field) {
    return (mixed(p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16) ^ mixed((uint32_t)field)) >> (32 - PLACES);
}

static int index_arena(Matcher *m) {
    size_t room = (size_t)1 << PLACES;
    if (!m->first) m->first = PyMem_Malloc(room * sizeof(int));
    if (!m->often) m->often = PyMem_Malloc(room * sizeof(int));
    if (!m->first || !m->often) { PyErr_NoMemory(); return -1; }
    if (grow(&m->next, sizeof(int), m->arena.count)) return -1;
    memset(m->first, -1, room * sizeof(int));
    memset(m->often, 0, room * sizeof(int));
    const uint8_t *arena = m->arena.items;              /* it ends with zeros: three bytes can be read anywhere */
    for (size_t i = m->spans.count; i-- > 0;) {
        const Span *s = &AT(m->spans, Span, i);
        for (uint32_t p = s->start + s->len; p-- >= s->start;) {
            uint32_t k = three(arena + p, s->field);
            AT(m->next, int, p) = m->first[k]; m->first[k] = (int)p; m->often[k]++;
        }
    }
    m->indexed = 1;
    return 0;
}

static const Span *span_at(Matcher *m, uint32_t place) {
    size_t low = 0, high = m->spans.count;              /* the last span that begins at or before the place */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (AT(m->spans, Span, middle).start <= place) low = middle; else high = middle;
    }
    return &AT(m->spans, Span, low);
}

static int looked_up(Matcher *m, const Atom *a, int field) {
    const uint8_t *arena = m->arena.items, *needle = (const uint8_t *)m->bytes.items + a->text;
    uint32_t best = 0;
    for (uint32_t k = 1; k + 3 <= a->len; k++) if (m->often[three(needle + k, field)] < m->often[three(needle + best, field)]) best = k;
    for (int p = m->first[three(needle + best, field)]; p >= 0; p = AT(m->next, int, p)) {
        if ((uint32_t)p < best || (size_t)p - best + a->len > m->arena.count || memcmp(arena + p - best, needle, a->len)) continue;
        if (span_at(m, (uint32_t)p - best + (needle[0] == FRAME))->field == field) return 1;
    }
    return 0;
}

/* Whether a text stands in a long arena, in one of its fields or anywhere. */
static int stands_far(Matcher *m, const Atom *a) {
    if (!m->indexed && index_arena(m)) return -1;
    if (a->op != WORD) {
        for (int k = 0; k < a->fields; k++) {
            int field = AT(m->ids, int, a->field0 + k);
            if (has_values(m, field) && looked_up(m, a, field)) return 1;
        }
        return 0;
    }
    int nameless = 0;
    for (int i = 0; i < (int)m->spans.count; i++) {     /* each field once: at its first value */
        int field = AT(m->spans, Span, i).field;
        if (field < 0 ? nameless++ : m->heads[field] != i) continue;
        if (looked_up(m, a, field)) return 1;
    }
    return 0;
}

static int within(const uint8_t *text, size_t n, const uint8_t *needle, size_t len) {
    if (len > n) return 0;
    const uint8_t *end = text + n - len + 1;
    for (const uint8_t *p = text; p < end; p++) {
        p = memchr(p, needle[0], end - p);
        if (!p) return 0;
        if (p[len - 1] == needle[len - 1] && !memcmp(p, needle, len)) return 1;
    }
    return 0;
}

static int stands(Matcher *m, const Atom *a) {
    const uint8_t *arena = m->arena.items, *needle = (const uint8_t *)m->bytes.items + a->text;
    if (m->arena.count > LONG && a->len >= 3) return stands_far(m, a);
    if (a->op == WORD) return within(arena, m->arena.count, needle, a->len);
    int start = needle[0] == FRAME, end = needle[a->len - 1] == FRAME;
    for (int k = 0; k < a->fields; k++) {
        int field = AT(m->ids, int, a->field0 + k);
        if (!has_values(m, field)) continue;
        for (int i = m->heads[field]; i >= 0; i = AT(m->spans, Span, i).next) {
            const Span *s = &AT(m->spans, Span, i);
            if ((uint64_t)s->len + start + end < a->len) continue;
            const uint8_t *from = arena + s->start - start;
            if (start && end) { if (s->len + 2 == a->len && !memcmp(from, needle, a->len)) return 1; }
            else if (start) { if (!memcmp(from, needle, a->len)) return 1; }
            else if (end) { if (!memcmp(arena + s->start + s->len + 1 - a->len, needle, a->len)) return 1; }
            else if (within(from, s->len, needle, a->len)) return 1;
        }
    }
    return 0;
}

static int ask(Matcher *m, Atom *a) {
    if (a->op == CONTAINS || a->op == WORD) return stands(m, a);
    if (a->op == FOREIGN) {
        if (!a->call && !(a->call = PyObject_CallOneArg(m->foreign, a->node))) return -1;
        if (!m->view && !(m->view = PyObject_CallOneArg(m->view_of, m->event))) return -1;
        PyObject *answer = PyObject_CallOneArg(a->call, m->view);
        int truth = answer ? PyObject_IsTrue(answer) : -1;
        Py_XDECREF(answer);
        return truth;
    }
    for (int k = 0; k < a->fields; k++) {
        int field = AT(m->ids, int, a->field0 + k), some = has_values(m, field);
        if (a->op == NONE && some) return 0;
        if (a->op == SOME && some) return 1;
        if (a->op == EMPTY) {
            for (int i = some ? m->heads[field] : -1; i >= 0; i = AT(m->spans, Span, i).next) if (!AT(m->spans, Span, i).len) return 1;
        }
    }
    return a->op == NONE;
}

static int holds(Matcher *m, int node) {
    Node n = AT(m->nodes, Node, node);
    if (n.op == ATOM) {
        if (AT(m->atoms, Atom, n.first).seen == m->epoch) return AT(m->atoms, Atom, n.first).value;
        Atom *a = &AT(m->atoms, Atom, n.first);         /* nothing is compiled while conditions are asked */
        int answer = ask(m, a);
        if (answer >= 0) { a->seen = m->epoch; a->value = (char)answer; }
        return answer;
    }
    for (int i = 0; i < n.count; i++) {
        int answer = holds(m, AT(m->links, int, n.first + i));
        if (answer < 0) return -1;
        if (n.op == NOT) return !answer;
        if (answer != (n.op == AND)) return answer;
    }
    return n.op == AND;
}

/* Compile the candidates that nobody asked for before; fields that they are the first to read are laid out then. */
static int compile_candidates(Matcher *m, const uint64_t *members, const uint64_t *always) {
    int known = m->nfields, anywhere = m->anywhere;
    for (size_t w = 0; w < m->words; w++)
        for (uint64_t mask = (m->marks[w] & members[w]) | always[w]; mask; mask &= mask - 1) {
            int rule = (int)(w * 64) + __builtin_ctzll(mask);
            if (rule >= m->rules || root_of(m, rule) < 0) return -1;
        }
    if (m->nfields == known && m->anywhere == anywhere) return 0;
    return lay_out(m, m->event);
}

PyObject *found_rules(Matcher *m, const uint64_t *members, const uint64_t *always) {
    if (compile_candidates(m, members, always)) return NULL;
    PyObject *found = NULL;
    for (size_t w = 0; w < m->words; w++) {
        uint64_t mask = (m->marks[w] & members[w]) | always[w];
        while (mask) {
            int rule = (int)(w * 64) + __builtin_ctzll(mask);
            mask &= mask - 1;
            if (m->wide[rule >> 6] >> (rule & 63) & 1) m->plain = 0;
            int answer = holds(m, m->roots[rule]);
            if (!answer) continue;
            PyObject *number = answer > 0 ? PyLong_FromLong(rule) : NULL;
            int failed = !number || (!found && !(found = PyList_New(0))) || PyList_Append(found, number);
            Py_XDECREF(number);
            if (failed) { Py_XDECREF(found); return NULL; }
        }
    }
    return found ? found : PyTuple_New(0);
}
