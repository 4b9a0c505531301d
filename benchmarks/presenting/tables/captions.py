"""What stands below each table: how to read it. The names are those of the tables' files."""

from __future__ import annotations

from benchmarks.evidence.analysis import declared
from benchmarks.evidence.families import FAMILIES
from benchmarks.records.selection import FROZEN

_CONVERGED = (
    "Not converged are cells whose best validation accuracy of all epochs is half a point or more "
    "above the best of all but the last fifth: they would gain from more training, and what is "
    "read off them is a demonstration, not evidence."
)
_LEVELS = ", ".join(f"{declared().alpha(n):.3g} at {n} seeds" for n in declared().looks)
_JUDGED = (
    f"{FAMILIES['table'][1]} The level is that of the declared analysis: {_LEVELS}, "
    f"{declared().level:g} with fewer. p is the exact sign-flip test's where the seeds let it "
    "reach the corrected level, else Student's t's. “The same within 1 point” is shown by two "
    "one-sided tests; “not distinguishable” means that neither that nor a difference is shown."
)

_SPIKES = (
    "A test sample's means over seeds. The firing rate is spikes per unit and time "
    "step; ratios are geometric means of the seeds' ratios [95 % interval], to the baseline and to "
    f"{FROZEN}, which has the same gain and does not learn it. A reading with a frozen control of "
    "its own is set against that one, which is then named. The intervals are those of single "
    "comparisons. "
    "ACs are accumulates caused by spikes, MACs multiply-accumulates caused by event counts at "
    "the first synapse, SynOps both together. A network with graded outputs has no spikes: its "
    "columns count outputs that are not zero, and it has no ratios."
)

CAPTIONS = {
    "claims": "Each claim put to the records at the shared learning rate and, where neurons were "
    f"tuned, at each neuron's own best rate. {FAMILIES['claim holds'][1]} "
    f"{FAMILIES['claim fails'][1]} Undecided means that the intervals allow both. A verdict is no "
    "evidence where cells behind it were not trained until nothing more was gained (not "
    "converged), or where the seeds are fewer than those of the first declared look (3 of 10 "
    "seeds). What follows from the neuron's definition alone stands in a table of its own.",
    "checks": "What follows from the neuron's equations, whatever the data say: checks of the "
    "code, no evidence for the paper. All networks must agree exactly.",
    "multiverse": "Every claim that rests on records, put to each reading of the paper's neuron "
    "alike: same statistic, margin and seeds, at own best learning rates where all neurons that a "
    "claim compares were tuned, else at the shared rate (last row). Controls are the reading's own "
    "where they were trained; “shared controls” says that some are those of the neuron under test. "
    "“By definition not”: the reading's definition answers, so nothing is judged. The last column "
    "counts the readings in which a claim holds, of those in which it could be tested. Readings "
    "are not corrected for one another: a claim that holds in one of many speaks for that reading "
    "at most.",
    "readings": "What the paper's neuron is, is not known to us; these are its readings (all "
    "inferred). I is the drive of a unit, y = W s that of a LIF, a its coefficient, sg the "
    "stop-gradient. The last columns name the neuron that stands for each control: the same "
    "coefficients, never trained; the same without the stop-gradient; a LIF with the initial scale "
    "that the reading has on average. “Shared” marks a control of the neuron under test, where the "
    "reading's own was not trained or there is none.",
    "ladder": "Test accuracy, mean ± standard deviation [95 % interval] (number of seeds), from "
    "guessing to networks that do not spike, each neuron at its own best learning rate where it "
    "was tuned, else at the shared one. The floor is the share of the test split's most frequent "
    "class. linear is a network without non-linearity, so a linear map of the summed events; the "
    "best spiking neuron is the one with the best validation accuracy, so its lead is that of the "
    "luckiest of many; references have graded outputs. Where nothing is ahead of LIF, the set "
    f"shows no room for a better neuron. {_CONVERGED}",
    "accuracy": "Mean ± standard deviation [95 % interval] (number of seeds), at the epoch that "
    "was best on the validation split; an interval of few seeds may pass 100 %. A train accuracy "
    "far above the test accuracy is overfitting. "
    f"{_CONVERGED}",
    "difference": "Test accuracy minus the baseline's, in percentage points: mean over seeds ± "
    "standard deviation [95 % interval] (number of pairs). A pair has the same data, initial "
    f"synapse weights and order of samples. {_JUDGED}",
    "tuned": "Each neuron at the learning rate that gave it the best mean validation accuracy over "
    "seeds of their own, which no number here rests on. All begin with one grid; where the best "
    "lies at an end of it, the grid goes on. (end) marks one that still does: a better rate may "
    "lie beyond. What tuning gained is the test "
    f"accuracy minus that of the same seeds at the shared rate. {_CONVERGED}",
    "tuned_difference": "Test accuracy minus the baseline's, both at their own best learning "
    "rate, in percentage points: mean over seeds ± standard deviation [95 % interval] (number of "
    f"pairs). {_JUDGED}",
    "spikes": f"{_SPIKES} What is left of a difference to {FROZEN} is the association's.",
    "tuned_spikes": f"{_SPIKES} Each neuron is at its own best learning rate, so a difference may "
    "be the rate's.",
    "specificity": "How specific to the classes the spikes of a channel or unit are, means over "
    "layers: mean over seeds [95 % interval] (number of seeds). The class "
    "selectivity index (Morcos et al., ICLR 2018) is (m − r) / (m + r), m the mean spike count of "
    "the class that excites most and r that of the others; 0 is blind to the class, 1 fires for "
    "one alone. Mutual information is that of spike count and class, in bits, corrected for the "
    "bias of few samples. Silent channels are left out of both. Both depend on how much a neuron "
    "fires at all, so a difference is also given at like rates: of the pairs' differences in every "
    "layer y = d + b x + noise, x the difference in log firing rate, d is shown (least squares, "
    "one d and b for all seeds and layers; the interval is the jackknife's over seeds).",
    "association": "The trained networks with every association coefficient set to zero, weights "
    "left as they are. Lost is the test accuracy with minus without; spikes are with over without "
    "[95 % interval]. Potentiated (depressed) is the share of channels and units that fire more "
    "(less) with the association. The last two columns are the 2-norm of the gradient at the "
    "coefficients for frames without events and for test frames.",
    "parameters": "Trainable values while training and after folding the neuron into the synapses "
    "before it; the changes are summed over seeds and the whole test split.",
    "throughput": "Median [5 %, 95 % quantile] over rounds, or (quartiles) where a record kept no "
    "rounds. Neuron times are nanoseconds per element and "
    "time step at a size of T x batch x channels x height x width, lower is faster; samples per "
    "second are those of the profile's network, higher is faster. The bound is what moving each "
    "tensor once would take at the device's measured copy bandwidth, or for a network what its "
    "arithmetic would at the measured rate of matrix products, if longer. A network's inference is "
    "its folded one's, before commit bdbc25f the unfolded one's. Kept for backward is "
    "what the neuron's forward pass keeps for its backward pass, bytes per element and time step. "
    "AIA over LIF is the median ratio of their training steps, several networks of each taken in "
    "turn [95 % interval]. Commit is whose source was timed, with a plus if files had changed "
    "since.",
    "backends": "Everything that was timed, size by size. Neuron: ns per element and time step; "
    "network: samples/s; median [5 %, 95 % quantile] over rounds, or (quartiles) where a record "
    "kept no rounds. Size: T x batch x channels x height x width. Times "
    "the bound: how much longer than the device's memory or arithmetic would take. Peak memory "
    "beyond the inputs is per element and time step, or per sample; energy is that of the whole "
    "device by its own counter.",
    "published": "Test accuracies that others published, each beside a neuron of ours. Networks, "
    "splits, augmentation and budgets differ, so a difference is no comparison of neurons.",
    "networks": "All that is recorded of the data set, smallest network first. Mean ± standard "
    "deviation [95 % interval] over seeds, or over folds, which have other test recordings each. "
    "The lead is paired, its interval over seeds (folds); the one beside it draws runs of "
    "consecutive test recordings anew as well. Ratios of spikes are paired [95 % interval]. Cells "
    "that ran on different devices are not paired.",
    "cells": "Epochs count from 1; the best one was chosen on the validation split.",
    "tuned_cells": "The cells behind the tuned table, each at its neuron's own best learning rate.",
}
