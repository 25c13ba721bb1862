# The ground truth, for tests in a guest: read by each script that knows what a process of its is for,
# where /run/replica-truth is. A line tells a process, by its number and its start, the tree that it
# belongs to, what it is, and the unit it is to be found in, or `-`. Only builtins are called, so that
# writing it starts nothing, and a line is one write to the end of the file.

truth() {
    read -r truth_stat </proc/$$/stat
    # The name, in parentheses, may hold anything; the start is the 20th field behind it.
    set -- "$1" "$2" "$3" ${truth_stat##*) }
    echo "$$ ${23} $1 $2 $3" >>/run/replica-truth/log
}

# Becomes the program that asks systemd for units: the process is known before it asks.
truth_asks() {
    for truth_unit in $1; do
        truth command asks "$truth_unit"
    done
    shift
    exec "$@"
}
