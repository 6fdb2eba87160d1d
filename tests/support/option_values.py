"""For each option: two texts that it takes with all other options absent. A new option without an entry fails the tests."""

from modelwatch.config.options import OPTIONS

TEXTS = {
    "experimentId": ("e1", "e2"),
    "projectId": ("p1", "p2"),
    "runId": ("r1", "r2"),
    "modelPath": ("/models/one", "two"),
    "modelType": ("tensorflow", "auto"),
    "modelName": ("digits", "letters of the alphabet"),
    "repository": ("/repositories/one", "~/two"),
    "team": ("red", "blue"),
    "workers": ("all", "chief"),
    "logDir": ("/logs/one", "/logs/two"),
    "storage": ("copy", "REFERENCE"),
    "lifetime": ("permanent", "permanent"),
    "notes": ("a note", "no: note # at all"),
    "lineageEnv": ("HP_*", "LAYERS"),
    "commitMarker": ("DONE", "READY"),
    "ignore": ("*.tmp", "scratch/*"),
    "settleTime": ("1", "500ms"),
    "quietTime": ("2m", "0"),
    "watchMethod": ("poll", "auto"),
    "rescanInterval": ("1h", "0.5"),
    "pollInterval": ("3s", "4 s"),
    "scalarsInterval": ("1s", "10ms"),
    "drainTimeout": ("0", "5m"),
    "signalTarget": ("process", "GROUP"),
    "stateDir": ("/state/one", "state two"),
    "snapshotBudget": ("10GB", "20%"),
    "readyFile": ("/ready/one", "ready two"),
    "healthAddress": ("127.0.0.1:1234", "off"),
    "waitFor": ("train.py", "/^python .*train/"),
    "startTimeout": ("1m", "30"),
    "endMarker": ("/shared/ended", "ended"),
    "exitCodeFile": ("/shared/code", "code two"),
    "idleTimeout": ("30m", "90"),
    "apiKey": ("mw_one", "mw_two"),
    "serverAddress": ("127.0.0.1:9001", "127.0.0.1:9002"),
    "externalUrl": ("https://one.example", "https://two.example"),
    "allowedHost": ("one.example", "two.example"),
    "logLevel": ("debug", "ERROR"),
    "logFormat": ("json", "text"),
    "logFile": ("/log/one", "two.log"),
}

if missing := {option.name for option in OPTIONS} ^ set(TEXTS):
    raise AssertionError(f"options and their test values differ: {missing}")
