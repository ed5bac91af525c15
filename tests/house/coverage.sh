#!/bin/sh
# coverage.sh PROGRAM FOLDER PERCENT: runs a test program built with clang's coverage, prints the lines of the folder
# that it has run, and fails below the given percentage of lines. gcc loses the lines of coroutines, clang does not.
set -eu
LLVM_PROFILE_FILE=coverage.profraw "$1" --gtest_brief=1
llvm-profdata-19 merge -sparse coverage.profraw -o coverage.profdata
llvm-cov-19 report "$1" -instr-profile=coverage.profdata "$2" -show-branch-summary=false -show-region-summary=false |
    tee coverage.txt
awk -v least="$3" '/^TOTAL/ {
    percent = $NF + 0
    printf "%.2f %% of the lines, at least %s %% wanted\n", percent, least
    exit percent < least
}' coverage.txt
