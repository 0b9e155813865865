/* The life cycle of the runtime, with figures: starts and ends again, interpreters made in threads, native threads that
 * call in while the runtime goes down and after it, and fork in a process with threads. Each part runs in a process of
 * its own; one that hangs or dies is reported with its name. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 50
#define INTERPRETERS 1000
#define MAKERS 2
#define CALLERS 4
#define TRIALS 20
#define FORKS 20
#define GROWTH 1024 /* KiB */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Memory of the process's own, in KiB: no pages of files, which count as private or not as other programs come and go. */
static long memory(void) {
    char line[256];
    long value = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "Anonymous: %ld", &value) == 1)
            break;
    fclose(file);
    return value;
}

static const char *WORK =
    "import sys, json, re, collections\n"
    "class Node:\n"
    "    def __init__(self):\n"
    "        self.me = self\n"
    "nodes = [Node() for _ in range(100)]\n"
    "text = json.dumps({'a': [1, 2, 3], 'b': collections.Counter('hello')})\n"
    "assert re.search(r'\\d', text)\n";

static int rounds(void) {
    long first = 0, last = 0;
    double start = now();
    for (int i = 0; i < ROUNDS; i++) {
        Py_Initialize();
        CHECK(Py_IsInitialized());
        CHECK(PyRun_SimpleString(WORK) == 0);
        CHECK(Py_FinalizeEx() == 0);
        CHECK(!Py_IsInitialized());
        last = memory();
        /* Tables that are filled on first use are there after a few. */
        if (i == 4)
            first = last;
    }
    printf("lifecycle: %d starts and ends: %.1f ms each, growth %ld KiB (of %ld)\n", ROUNDS,
        (now() - start) * 1e3 / ROUNDS, last - first, last);
    return last - first < GROWTH ? 0 : 1;
}

static atomic_int made;

static void *maker(void *unused) {
    (void)unused;
    PyInterpreterConfig config = {
        .use_main_obmalloc = 0,
        .allow_fork = 0,
        .allow_exec = 0,
        .allow_threads = 1,
        .allow_daemon_threads = 0,
        .check_multi_interp_extensions = 1,
        .gil = PyInterpreterConfig_OWN_GIL,
    };
    while (atomic_fetch_add(&made, 1) < INTERPRETERS) {
        PyThreadState *state = NULL;
        PyStatus status = Py_NewInterpreterFromConfig(&state, &config);
        CHECK(!PyStatus_Exception(status));
        CHECK(PyRun_SimpleString("x = [str(i) for i in range(50)]\nassert x[-1] == '49'") == 0);
        Py_EndInterpreter(state);
    }
    return NULL;
}

static void make(int count) {
    pthread_t threads[MAKERS];
    atomic_store(&made, INTERPRETERS - count);
    for (int i = 0; i < MAKERS; i++)
        CHECK(pthread_create(&threads[i], NULL, maker, NULL) == 0);
    for (int i = 0; i < MAKERS; i++)
        pthread_join(threads[i], NULL);
}

static int interpreters(void) {
    Py_Initialize();
    PyThreadState *main_state = PyEval_SaveThread();
    make(INTERPRETERS / 10);
    long first = memory();
    double start = now();
    make(INTERPRETERS);
    double each = (now() - start) * 1e3 / INTERPRETERS;
    long last = memory();
    PyEval_RestoreThread(main_state);
    CHECK(Py_FinalizeEx() == 0);
    printf("lifecycle: %d interpreters in %d threads: %.2f ms each, growth %ld KiB (of %ld)\n", INTERPRETERS, MAKERS,
        each, last - first, last);
    return last - first < GROWTH ? 0 : 1;
}

static atomic_long calls;

static void *caller(void *unused) {
    (void)unused;
    for (;;) {
        PyGILState_STATE state = PyGILState_Ensure();
        PyObject *list = PyList_New(0);
        if (list != NULL) {
            PyObject *number = PyLong_FromLong(1 << 20);
            PyList_Append(list, number);
            Py_XDECREF(number);
            Py_DECREF(list);
        }
        PyRun_SimpleString("sum(range(10))");
        PyErr_Clear();
        PyGILState_Release(state);
        atomic_fetch_add(&calls, 1);
        usleep(50);
    }
    return NULL;
}

/* Ends the runtime while threads call in; they may go on calling. */
static int late_threads(int trial) {
    Py_Initialize();
    PyThreadState *main_state = PyEval_SaveThread();
    for (int i = 0; i < CALLERS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, caller, NULL) == 0);
        pthread_detach(thread);
    }
    while (atomic_load(&calls) < 10 * (trial + 1))
        usleep(100);
    PyEval_RestoreThread(main_state);
    int ended = Py_FinalizeEx();
    /* The threads come back to a runtime that is not there. */
    usleep(2000);
    return ended == 0 || ended == -1 ? 0 : 1;
}

static int forks(void) {
    Py_Initialize();
    CHECK(PyRun_SimpleString("import os, threading, time") == 0);
    PyThreadState *main_state = PyEval_SaveThread();
    for (int i = 0; i < CALLERS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, caller, NULL) == 0);
        pthread_detach(thread);
    }
    double start = now();
    for (int i = 0; i < FORKS; i++) {
        PyEval_RestoreThread(main_state);
        PyOS_BeforeFork();
        pid_t child = fork();
        if (child == 0) {
            PyOS_AfterFork_Child();
            alarm(100);
            CHECK(PyRun_SimpleString("import json\nassert json.loads('[1]') == [1]\n"
                                     "t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
                                     "assert threading.active_count() == 1, threading.enumerate()") == 0);
            _exit(Py_FinalizeEx() == 0 ? 0 : 1);
        }
        PyOS_AfterFork_Parent();
        main_state = PyEval_SaveThread();
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        if (status != 0) {
            fprintf(stderr, "child %d of fork ended with status %#x\n", i, (unsigned)status);
            _exit(1);
        }
    }
    printf("lifecycle: %d forks beside %d threads: %.1f ms each\n", FORKS, CALLERS, (now() - start) * 1e3 / FORKS);
    PyEval_RestoreThread(main_state);
    Py_FinalizeEx();
    return 0;
}

/* Runs a part in a process of its own; whether it ended well in time. */
static int part(const char *name, int (*run)(void), int (*trial)(int), int argument, unsigned seconds) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(seconds);
        int result = run != NULL ? run() : trial(argument);
        fflush(stdout);
        _exit(result);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) {
        int number = WTERMSIG(status);
        printf("lifecycle: %s: %s\n", name, number == SIGALRM ? "hangs" : strsignal(number));
    } else if (WEXITSTATUS(status) != 0) {
        printf("lifecycle: %s: fails\n", name);
    }
    return status == 0;
}

int main(int argc, char **argv) {
    const char *only = argc > 2 ? argv[2] : "";
    int bad = 0;
    if (*only == 0 || strcmp(only, "rounds") == 0)
        bad += !part("starts and ends", rounds, NULL, 0, 300);
    if (*only == 0 || strcmp(only, "interpreters") == 0)
        bad += !part("interpreters", interpreters, NULL, 0, 300);
    if (*only == 0 || strcmp(only, "threads") == 0) {
        int fine = 0;
        for (int i = 0; i < TRIALS; i++)
            fine += part("late threads", NULL, late_threads, i, 60);
        printf("lifecycle: %d of %d ends with %d threads calling in went well\n", fine, TRIALS, CALLERS);
        bad += fine < TRIALS;
    }
    if (*only == 0 || strcmp(only, "fork") == 0)
        bad += !part("fork", forks, NULL, 0, 300);
    return bad != 0;
}
