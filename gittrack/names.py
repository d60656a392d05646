"""A name that people can say and remember for a run that was given none: pure, made from its id."""

from __future__ import annotations

ADJECTIVES = tuple(
    """able agile amber ample apt arctic azure balmy basic bold brave breezy brief bright brisk broad bronze
    calm candid casual cheery chief civic clean clear clever cobalt cool coral cosmic cozy crisp curious daring
    dapper dawn deep deft dewy eager early earnest easy elder epic even exact fair famous fancy fast fine firm
    fit fleet fluent fond frank free fresh frosty full gallant gentle giant glad golden grand great green happy
    hardy hasty hearty honest humble icy ideal ivory jade jolly jovial joyful keen kind large late lavish level
    light lively local loyal lucid lucky lunar major mellow merry mighty mild minty misty modest noble novel
    olive opal open orderly pale patient peach pearl placid plain plucky polar prime proud pure quick quiet
    rapid ready regal rich robust rosy royal ruby rustic sage sandy serene sharp shiny silent silver simple
    sleek smart smooth snowy snug sober solar solid sonic spry stable stark steady stellar stern still stout
    sturdy subtle sunny super sure swift tall tame tender tidy timely tiny topaz tranquil true trusty upbeat
    urban valid vast velvet vital vivid warm wary whole wild windy wise witty young zesty""".split()
)
ANIMALS = tuple(
    """adder albatross alpaca ant antelope badger bat bear beaver bee beetle bison bobcat buffalo butterfly camel
    canary caribou cat catfish cheetah chipmunk cicada clam cobra cod condor cougar cow coyote crab crane cricket
    crow deer dingo dolphin donkey dove dragonfly duck eagle eel egret elk emu ermine falcon ferret finch firefly
    flamingo fox frog gazelle gecko gibbon giraffe gnu goat goose gopher grouse gull hamster hare hawk hedgehog
    heron herring hornet horse hound ibex ibis iguana impala jackal jaguar jay kestrel kingfisher kite kiwi koala
    lamb lark lemming lemur leopard lion lizard llama lobster loon lynx macaw magpie mallard mantis marlin marmot
    marten mink mole mongoose moose moth mouse mule newt nightingale ocelot octopus oriole osprey otter owl ox
    oyster panda panther parrot partridge pelican penguin perch pheasant pigeon pika pike plover pony porcupine
    puffin puma quail rabbit raccoon ram raven robin rook salmon seal shark sheep shrew shrimp skylark sloth snail
    sparrow spider squid squirrel starling stork swallow swan swift tapir tern tiger toad tortoise toucan trout
    tuna turkey turtle viper vole vulture wallaby walrus wasp weasel whale wolf wombat woodpecker wren yak
    zebra""".split()
)


def name_for(run_id: str) -> str:
    """Return an adjective and an animal for `run_id` (hexadecimal), such as 'brave-otter'."""
    number = int(run_id[:12], 16)
    number, adjective = divmod(number, len(ADJECTIVES))
    return f"{ADJECTIVES[adjective]}-{ANIMALS[number % len(ANIMALS)]}"
