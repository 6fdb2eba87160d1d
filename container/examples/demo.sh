#!/bin/sh
# Train two programs that know nothing of modelwatch under it, then show what the repository holds.
#
#     container/examples/demo.sh BIN
#
# BIN is the bin folder of an environment that holds modelwatch and what the programs need; `make demo` makes one.
# Everything goes to .demo/. As on Gradient, each run starts with an empty model path; the repository stays, so that a second
# demo goes on numbering the versions. `rm -r .demo` starts over.
set -eu

bin=$1
examples=$(dirname "$0")
demo=.demo
export TF_CPP_MIN_LOG_LEVEL=2
unset PS_MODEL_PATH

train() { # NAME PROGRAM [OPTIONS…]
    name=$1
    shift
    rm -rf "${demo:?}/$name/artifacts"
    mkdir -p "$demo/$name/artifacts"
    printf '\n%s\n' "$ modelwatch run --modelType Tensorflow --modelPath $demo/$name/artifacts --modelName $name --repository $demo/repository -- python $*"
    "$bin/modelwatch" run --modelType Tensorflow --modelPath "$demo/$name/artifacts" --modelName "$name" \
        --repository "$demo/repository" -- "$bin/python" "$@"
}

show() { # COMMAND…
    printf '\n%s\n' "$ modelwatch $* --repository $demo/repository"
    "$bin/modelwatch" "$@" --repository "$demo/repository"
}

train digits-tf1 "$examples/train_tf1.py"
train digits-keras "$examples/train_keras.py"
show models list
show models versions digits-tf1
show models versions digits-keras

printf '\n%s\n' "Look at them in a browser: \`make serve\` and open http://127.0.0.1:9320"
